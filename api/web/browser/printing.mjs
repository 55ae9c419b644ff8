// SPDX-License-Identifier: Apache-2.0

import { inLanguage, visit } from "./browser.mjs";

// printing puts every screen on paper in both languages: nothing to press, nothing
// cut, and charts that can be read.
export async function printing(browser, { screens }) {
  let pages = 0;
  for (const lang of ["en", "zh"]) {
    let at;
    const page = await browser.open({ colorScheme: "dark", viewport: { width: 680, height: 960 } }, () => at); // A4 between its margins
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    for (const screen of screens) {
      at = `${screen.name} (${lang}, on paper)`;
      await visit(browser, page, inLanguage(screen, lang), at);
      for (const wrong of await page.evaluate(onPaper)) browser.fault(at, wrong);
      const pdf = (await page.pdf({ format: "A4", printBackground: false })).toString("latin1");
      const count = Number(/\/Count (\d+)/.exec(pdf)?.[1] ?? 0);
      if (!pdf.startsWith("%PDF-") || count < 1) browser.fault(at, "makes no page");
      pages += count;
    }
    await page.context().close();
  }
  return pages;
}

// onPaper runs in the page.
function onPaper() {
  const wrong = [], seen = (e) => e.checkVisibility() && e.getClientRects().length > 0;
  const all = [...document.querySelectorAll("body *")].filter(seen);
  const say = (e) => e.outerHTML.slice(0, 80);
  for (const e of all.filter((e) => e.matches("nav, form, button, input, select, textarea, .button"))) wrong.push(`has something to press: ${say(e)}`);
  const ground = document.documentElement;
  if (ground.scrollWidth > ground.clientWidth) wrong.push(`is ${ground.scrollWidth} wide, and the paper ${ground.clientWidth}`);
  for (const e of all.filter((e) => !e.closest("svg, .hidden, thead"))) {
    const style = getComputedStyle(e);
    const cuts = (over, more) => over !== "visible" && more > 1;
    if (cuts(style.overflowX, e.scrollWidth - e.clientWidth) || cuts(style.overflowY, e.scrollHeight - e.clientHeight)) wrong.push(`is cut: ${say(e)}`);
  }
  for (const chart of all.filter((e) => e.matches("svg.chart"))) {
    const texts = [...chart.querySelectorAll("text")].filter((t) => t.textContent.trim());
    const boxes = texts.map((t) => t.getBoundingClientRect());
    texts.forEach((t, i) => {
      if (boxes[i].height < 10) wrong.push(`has letters of ${boxes[i].height.toFixed(1)} pixels in a chart: ${t.textContent}`);
      const over = texts.findIndex((_, j) => j > i && boxes[i].left < boxes[j].right - 1 && boxes[j].left < boxes[i].right - 1 && boxes[i].top < boxes[j].bottom - 3 && boxes[j].top < boxes[i].bottom - 3);
      if (over > 0) wrong.push(`writes ${texts[over].textContent} over ${t.textContent} in a chart`);
    });
  }
  return wrong.slice(0, 8);
}

// SPDX-License-Identifier: Apache-2.0

import { visit } from "./browser.mjs";

// keyboard goes through every screen with the tab key alone: the first stop leads
// to the content, each stop shows that it is one and can be seen, and what can be
// reached is all there is.
export async function keyboard(browser, { screens }) {
  let at, stops = 0;
  const page = await browser.open({ viewport: { width: 1280, height: 800 } }, () => at);
  for (const screen of screens) {
    at = `${screen.name} (keyboard)`;
    await visit(browser, page, screen, at);
    await page.evaluate(fromTheTop);
    const all = await page.evaluate(number);
    const seen = new Set();
    let last;
    for (let i = 0; i <= all; i++) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(stopped);
      if (!stop) break;
      if (stop.number === last && stop.parts) { // a date has a stop for each of its parts
        i--;
        continue;
      }
      if (seen.has(stop.number)) break;
      last = stop.number;
      seen.add(stop.number);
      stops++;
      if (i === 0 && !stop.skips) browser.fault(at, `begins with ${stop.what}, and not with a link to the content`);
      if (!stop.shown) browser.fault(at, `does not show that ${stop.what} has the focus`);
      if (!stop.seen) browser.fault(at, `has the focus where it cannot be seen: ${stop.what}`);
    }
    if (seen.size < all) {
      const missed = await page.evaluate((seen) => [...document.querySelectorAll("[data-stop]")].filter((e) => !seen.includes(e.dataset.stop)).slice(0, 3).map((e) => e.outerHTML.slice(0, 80)), [...seen]);
      browser.fault(at, `the tab key reaches ${seen.size} of ${all}; not ${missed.join(", ")}`);
    }
    await visit(browser, page, screen, at);
    await page.evaluate(fromTheTop);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    if (!(await page.evaluate(() => document.activeElement?.id === "main"))) browser.fault(at, "the link to the content does not lead there");
  }
  await page.context().close();
  return stops;
}

// fromTheTop runs in the page: it takes the focus to the beginning, from wherever
// the page put it.
function fromTheTop() {
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
}

// number runs in the page: it numbers what the tab key should reach.
function number() {
  const can = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const radios = new Set();
  const all = [...document.querySelectorAll(can)].filter((e) => {
    if (e.disabled || e.closest("[hidden]") || !e.getClientRects().length || !e.checkVisibility()) return false;
    if (e.type !== "radio") return true;
    const fresh = !radios.has(e.name); // a group is one stop
    radios.add(e.name);
    return fresh;
  });
  all.forEach((e, i) => (e.dataset.stop = i));
  return all.length;
}

// stopped runs in the page: it tells where the focus is, null for nowhere.
function stopped() {
  const e = document.activeElement;
  if (!e || e === document.body || e === document.documentElement) return null;
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  return {
    number: e.dataset.stop ?? e.outerHTML.slice(0, 80),
    what: e.outerHTML.slice(0, 80),
    skips: e.getAttribute("href") === "#main",
    parts: ["date", "month", "time", "datetime-local", "week"].includes(e.type),
    shown: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none",
    seen: box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
  };
}

// SPDX-License-Identifier: Apache-2.0

import axe from "axe-core";
import { inLanguage, visit } from "./browser.mjs";

const widths = [360, 768, 1280, 1920];
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

// appearance looks at every screen in every language, light and dark, at every
// width: nothing scrolls sideways, and axe finds nothing.
export async function appearance(browser, { screens }) {
  let looks = 0;
  for (const colorScheme of ["light", "dark"]) {
    for (const lang of ["en", "zh"]) {
      let at;
      const page = await browser.open({ colorScheme }, () => at);
      for (const screen of screens) {
        at = `${screen.name} (${lang}, ${colorScheme})`;
        await visit(browser, page, inLanguage(screen, lang), at);
        for (const width of widths) {
          await page.setViewportSize({ width, height: 800 });
          const wide = await page.evaluate(sideways);
          if (wide) browser.fault(`${at} at ${width}`, `scrolls sideways to ${wide.width}: ${wide.culprits.join(", ")}`);
          looks++;
        }
        for (const violation of await violations(page)) browser.fault(at, violation);
        if (colorScheme === "light" && lang === "en") { // other colours and words move nothing
          await page.setViewportSize({ width: widths[0], height: 800 });
          for (const violation of await violations(page)) browser.fault(`${at} at ${widths[0]}`, violation);
        }
      }
      await page.context().close();
    }
  }
  return looks;
}

async function violations(page) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
  const { violations } = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: "tag", values }, resultTypes: ["violations"] }), rules);
  return violations.map((v) => `axe ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} (${n.failureSummary.replace(/\s+/g, " ")})`).join("; ")}`);
}

// sideways runs in the page.
function sideways() {
  const root = document.documentElement, width = root.scrollWidth;
  if (width <= root.clientWidth) return null;
  const culprits = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1);
  return { width, culprits: culprits.slice(-3).map((e) => e.tagName.toLowerCase() + (e.className ? "." + e.className : "")) };
}

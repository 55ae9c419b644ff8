// SPDX-License-Identifier: Apache-2.0

import { visit } from "./browser.mjs";

// noscript looks at every screen without JavaScript, and has the server verify.
export async function noscript(browser, { screens, vectors }) {
  let at;
  const page = await browser.open({ javaScriptEnabled: false, viewport: { width: 1280, height: 800 } }, () => at);
  for (const screen of screens) {
    at = `${screen.name} (no JavaScript)`;
    await visit(browser, page, screen, at);
    if ((await page.locator("h1").count()) !== 1) browser.fault(at, "has not one heading");
    const text = await page.locator("main").innerText();
    if (text.length < 40) browser.fault(at, `says nearly nothing: ${text}`);
  }
  let verified = 0;
  for (const v of vectors.filter((v) => !v.event && !v.against && ["VALID", "INVALID", "INCOMPLETE"].includes(v.verdict)).slice(0, 12)) {
    at = `verify (no JavaScript): ${v.document}`;
    await visit(browser, page, { path: "/console/verify" }, at);
    await page.setInputFiles("input[name=document]", v.document);
    await page.setInputFiles("input[name=trust]", v.trust);
    await Promise.all([page.waitForEvent("load"), page.click("[data-part=form] button.first")]);
    const got = await page.locator("section[data-verdict]").getAttribute("data-verdict");
    if (got !== v.verdict) browser.fault(at, `the server says ${got} and not ${v.verdict}`);
    verified++;
  }
  await page.context().close();
  return screens.length + verified;
}

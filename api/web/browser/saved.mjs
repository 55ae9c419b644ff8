// SPDX-License-Identifier: Apache-2.0

import { visit } from "./browser.mjs";

const found = "/console/search?filter=type%3Dpayment.received";

// saved tries saved searches: they stay in the browser, by key, and name nobody.
export async function saved(browser, { examples }) {
  const at = "saved searches";
  const page = await browser.open({ viewport: { width: 1280, height: 900 } }, () => at);
  const as = (role, path) => visit(browser, page, { path, as: role }, at);
  const section = page.locator("#saved");
  const expect = async (what, count) => {
    const got = await section.locator("li a").count();
    if (got !== count) browser.fault(at, `${what}: ${got} are listed and not ${count}`);
  };
  await as("auditor", "/console/search");
  if (await section.isVisible()) browser.fault(at, "shows where there is none and none can be saved");
  await as("auditor", found);
  await expect("before", 0);
  await section.getByRole("button").click();
  await expect("saved", 1);
  await section.getByRole("button").last().click();
  await expect("saved twice", 1);
  await as("auditor", "/console/search");
  await expect("elsewhere", 1);
  await Promise.all([page.waitForEvent("load"), section.locator("li a").click()]);
  if (!page.url().endsWith(found)) browser.fault(at, `leads to ${page.url()}`);
  await as("compliance", "/console/search");
  await expect("of another key", 0);
  const kept = await page.evaluate(() => JSON.stringify(localStorage));
  if (!kept.includes("type=payment.received") || kept.includes("ll_")) browser.fault(at, `keeps ${kept}`);
  await as("auditor", "/console/search"); // for a person: its address tells nothing
  await page.fill("#q", `id=${examples["{id}"]}`);
  await page.fill("#q", 'party="client-7"');
  await Promise.all([page.waitForEvent("load"), page.click(".search .box button")]);
  if (!page.url().includes("?s=")) browser.fault(at, `the address of a search for a person is ${page.url()}`);
  if ((await section.getByRole("button").count()) !== 1) browser.fault(at, "offers to save a search for a person");
  await page.evaluate(() => Object.keys(localStorage).forEach((k) => localStorage.setItem(k, "{broken")));
  await as("auditor", found);
  await expect("broken", 0);
  await section.getByRole("button").click();
  await expect("saved again", 1);
  await section.locator("li button").click();
  await expect("forgotten", 0);
  await page.context().close();
  return 1;
}

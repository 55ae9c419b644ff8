// SPDX-License-Identifier: Apache-2.0

import { pathToFileURL } from "node:url";
import { visit } from "./browser.mjs";

// verifying gives every published vector to the page of the console, and to the
// page that was saved, opened from the disk. Neither asks anybody for anything.
export async function verifying(browser, plan) {
  let at = "verify", judged = 0;
  const page = await browser.open({ viewport: { width: 1280, height: 800 } }, () => at);
  await visit(browser, page, { path: "/console/verify" }, at);
  judged += await judge(browser, page, plan.vectors, at);
  at = "the saved page";
  await page.goto(pathToFileURL(plan.saved).href);
  judged += await judge(browser, page, plan.vectors, at);
  await page.click("[data-show=zh-Hans]");
  if (await page.locator("main[lang=en]").isVisible()) browser.fault(at, "does not change its language");
  await ledgersOwn(browser, page, plan);
  await page.context().close();
  return judged;
}

// judge has files verified, those that go with the same other files at once.
async function judge(browser, page, vectors, at) {
  const groups = new Map();
  for (const v of vectors) {
    const company = JSON.stringify([v.trust, v.event, v.schema, v.against]);
    groups.set(company, [...(groups.get(company) ?? []), v]);
  }
  const root = page.locator("[data-verifier][data-ready]").first();
  const asked = page.requests.length;
  await root.locator("details").first().evaluate((e) => (e.open = true));
  for (const group of groups.values()) {
    const [{ trust, event, schema, against }] = group;
    const set = (name, files) => root.locator(`input[name=${name}]`).setInputFiles(files ?? []);
    await set("document", group.map((v) => v.document));
    for (const [name, files] of Object.entries({ trust, event, schema, against })) await set(name, files);
    await root.locator("button.first").click();
    await root.locator("[data-part=status] [data-when=done]").waitFor({ timeout: 120000 });
    const got = await root.locator("section[data-verdict]").evaluateAll((all) =>
      all.map((e) => ({
        verdict: e.dataset.verdict,
        words: e.querySelectorAll("[data-part=verdict] [data-when]").length,
        deciding: [...e.querySelectorAll("tr")].filter((r) => ["fail", "missing"].includes(r.dataset.result)).map((r) => r.dataset.check),
      })),
    );
    if (got.length !== group.length) browser.fault(at, `gives ${got.length} verdicts of ${group.length}`);
    got.forEach((g, i) => {
      const { document, verdict, check, why } = group[i];
      if (g.verdict !== verdict || g.words !== 1 || (check && !g.deciding.includes(check))) {
        browser.fault(`${at}: ${document}`, `says ${JSON.stringify(g)}, and it is ${verdict}: ${why}`);
      }
    });
  }
  const asking = since(page, asked);
  if (asking.length) browser.fault(at, `asks for ${asking.join(", ")} while it verifies`);
  return vectors.length;
}

// ledgersOwn verifies evidence of the ledger that is served under its own trust
// file, which is fetched for that and nothing else.
async function ledgersOwn(browser, page, { evidence }) {
  const at = "verify (the ledger's own trust file)";
  await visit(browser, page, { path: "/console/verify" }, at);
  const root = page.locator("[data-verifier][data-ready]");
  await root.locator("input[name=document]").setInputFiles(evidence);
  const asked = page.requests.length;
  await root.locator("button.first").click();
  await root.locator("[data-part=status] [data-when=done]").waitFor();
  const section = root.locator("section[data-verdict]");
  if ((await section.getAttribute("data-verdict")) !== "VALID" || !(await section.locator("[data-part=own]").count())) {
    browser.fault(at, `says ${await section.innerText()}`);
  }
  const asking = since(page, asked);
  if (asking.length !== 1 || !asking[0].endsWith("/v1/trust")) browser.fault(at, `asks for ${asking.join(", ")}`);
}

// since is what a page asked for since it had asked so often. The icon comes when
// the browser pleases.
function since(page, asked) {
  return page.requests.slice(asked).filter((url) => !url.endsWith("/icon.svg"));
}

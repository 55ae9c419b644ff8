// SPDX-License-Identifier: Apache-2.0

import { pathToFileURL } from "node:url";
import { visit } from "./browser.mjs";

// proving looks at what proves a record: seven steps, witnesses and anchors among
// them, evidence that is downloaded and holds under trust files that ask for more,
// and what a regulator sees whose key opens only some members.
export async function proving(browser, plan) {
  const at = "what proves a record";
  const record = `/console/records/${plan.examples["{index}"]}`;
  const page = await browser.open({ viewport: { width: 1280, height: 900 } }, () => at);
  await visit(browser, page, { path: record, as: "auditor" }, at);
  const steps = await page.locator("#proof .step").evaluateAll((all) => all.map((e) => e.className.replace("step ", "")));
  if (steps.length !== 7 || steps.slice(0, 4).some((s) => s !== "pass")) browser.fault(at, `has the steps ${steps}`);
  const witnesses = await page.locator("#proof .step").nth(4).innerText();
  if (!/carries \d+ checkpoints? that witnesses have cosigned/.test(witnesses)) browser.fault(at, `does not tell of the cosignatures: ${witnesses}`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("a[href$='evidence?disclose=none']")]);
  const evidence = await download.path();
  await page.goto(pathToFileURL(plan.saved).href);
  for (const { trust, verdict, check, result } of plan.trusts) {
    const root = page.locator("[data-verifier][data-ready]").first();
    await root.locator("input[name=document]").setInputFiles(evidence);
    await root.locator("input[name=trust]").setInputFiles(trust);
    await root.locator("button.first").click();
    await root.locator("[data-part=status] [data-when=done]").waitFor();
    const report = root.locator("section[data-verdict]");
    const got = await report.getAttribute("data-verdict");
    const checked = await report.locator(`tr[data-check=${check}]`).evaluateAll((all) => all.map((e) => e.dataset.result));
    if (got !== verdict || !checked.includes(result)) browser.fault(at, `under ${trust} is ${got}, ${check} ${checked}, and not ${verdict}, ${result}`);
  }
  await visit(browser, page, { path: "/console/checkpoints", as: "auditor" }, at);
  const told = await page.locator("main").innerText();
  for (const name of ["witness.example/1", "witness.example/2", "RFC 3161"]) if (!told.includes(name)) browser.fault(at, `the page of checkpoints does not name ${name}`);
  await regulator(browser, page, record);
  await page.context().close();
  return plan.trusts.length + 1;
}

// regulator examines with a key that opens only the subject, for the purpose that it was
// granted for.
async function regulator(browser, page, record) {
  const at = "a regulator whose key is scoped";
  await visit(browser, page, { path: record, as: "regulator" }, at);
  const told = await page.locator("main").innerText();
  if (!(await page.locator("main a[href*='/console/subjects/']").count())) browser.fault(at, "does not see the subject, which the key opens");
  if (!(await page.locator(".closed").count())) browser.fault(at, `is not told that there is more: ${told.slice(0, 200)}`);
  await visit(browser, page, { path: "/console/examination?seed=1&count=5&exam=exam-2026-q1", as: "regulator" }, at);
  if ((await page.locator("section[aria-labelledby=drawn] tbody tr").count()) !== 5) browser.fault(at, "draws no sample");
}

// SPDX-License-Identifier: Apache-2.0

import { visit } from "./browser.mjs";

// forms goes through every form with the keyboard alone, once with JavaScript and
// once without it.
export async function forms(browser, plan) {
  let done = 0;
  for (const javaScriptEnabled of [true, false]) {
    for (const [name, fill] of Object.entries(all)) {
      const at = `the form ${name} (keyboard${javaScriptEnabled ? "" : ", no JavaScript"})`;
      const page = await browser.open({ javaScriptEnabled, viewport: { width: 1280, height: 900 } }, () => at);
      const hands = new Hands(browser, page, at);
      try {
        await fill(hands, plan);
      } catch (e) {
        browser.fault(at, `cannot go on: ${e.message}`);
      }
      await page.context().close();
      done++;
    }
  }
  return done;
}

// Hands are a visitor who has a keyboard and no mouse.
class Hands {
  constructor(browser, page, at) {
    Object.assign(this, { browser, page, at });
  }

  async go(path, as = "") {
    await visit(this.browser, this.page, { path, as }, this.at);
  }

  // to goes to what a selector names, with the tab key.
  async to(selector) {
    for (let i = 0; i < 600; i++) {
      if (await this.page.evaluate((s) => document.activeElement?.matches(s), selector)) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`the tab key does not reach ${selector}`);
  }

  // write types into a field, in the place of what is there.
  async write(selector, text) {
    await this.to(selector);
    await this.page.keyboard.press("ControlOrMeta+A");
    await this.page.keyboard.type(text);
  }

  // press presses a key at what a selector names.
  async press(selector, key = "Enter") {
    await this.to(selector);
    await this.page.keyboard.press(key);
  }

  // send presses a button that leads to another page, whose status may be refused.
  async send(selector, refused = false) {
    await this.to(selector);
    this.page.refused = refused;
    await Promise.all([this.page.waitForEvent("load"), this.page.keyboard.press("Enter")]);
    this.page.refused = false;
  }

  async see(selector, what = selector) {
    if (!(await this.page.locator(selector).first().isVisible())) this.browser.fault(this.at, `does not show ${what}`);
  }
}

const code = `t-${Date.now()}`; // of an examination that nobody had before

// all are the forms, by name.
const all = {
  async signin(hands, { keys }) {
    await hands.go("/console/signin");
    await hands.write("#key", "ll_not-a-key");
    await hands.send("main form button", true);
    await hands.see("#refused", "that the key is refused");
    await hands.see("#key[aria-invalid=true]", "which field is wrong");
    await hands.write("#key", keys.auditor);
    await hands.send("main form button");
    await hands.see(".who");
    await hands.send(".who button");
    await hands.see("#key", "the form to sign in, once signed out");
  },
  async purpose(hands) {
    await hands.go("/console/checkpoints", "auditor");
    await hands.press(".purpose summary");
    await hands.write("#purpose", code);
    await hands.send(".purpose button");
    await hands.see(`.purpose summary:has-text("${code}")`, "the purpose");
  },
  async "wrong purpose"(hands) {
    await hands.go("/console/checkpoints", "auditor");
    await hands.press(".purpose summary");
    await hands.write("#purpose", "two words");
    await hands.press(".purpose button");
    if (!(await hands.page.evaluate(() => document.querySelector("#purpose:invalid")))) hands.browser.fault(hands.at, "takes a purpose that is none");
  },
  async search(hands, { examples }) {
    await hands.go("/console/search", "auditor");
    await hands.write("#q", `${examples["{kind}"]}/${examples["{id}"]}`);
    await hands.send(".search .box button");
    await hands.see(".timeline", "the timeline of the subject that was typed");
  },
  async filters(hands) {
    await hands.go("/console/search", "auditor");
    await hands.press("details.refine summary");
    await hands.to("#outcome");
    await hands.page.keyboard.type("declined");
    await hands.send("details.refine button");
    await hands.see(".chip");
    await hands.see("main table tbody tr", "what was found");
    await hands.send(".chip");
    await hands.see(".search", "the search without the term");
  },
  async "wrong filter"(hands) {
    await hands.go("/console/search", "auditor");
    await hands.write("#q", "type==");
    await hands.send(".search .box button");
    await hands.see("[role=alert]", "what is wrong with the filter");
  },
  async open(hands, { examples }) {
    await hands.go(`/console/records/${examples["{index}"]}`, "newcomer");
    await hands.see(".closed", "what is sealed");
    await hands.write("#why", code);
    await hands.send("section[aria-labelledby=open-title] button");
    if (await hands.page.locator(".closed").count()) hands.browser.fault(hands.at, "does not open all that is sealed");
    await hands.see("main a[href*='/console/subjects/']", "the subject");
    await hands.press(".purpose summary");
    await hands.write("#purpose", "");
    await hands.page.keyboard.press("Delete");
    await hands.send(".purpose button"); // they take it back
    await hands.see(".closed", "what is sealed again");
  },
  async "what for"(hands, { examples }) {
    await hands.go(`/console/subjects/${examples["{kind}"]}/${examples["{id}"]}`, "newcomer");
    await hands.write("#why", code);
    await hands.send("main form button");
    await hands.see(".timeline", "the timeline that was asked for");
    await hands.press(".purpose summary");
    await hands.write("#purpose", "");
    await hands.page.keyboard.press("Delete");
    await hands.send(".purpose button");
    await hands.see("#why", "the question what for");
  },
  async menu(hands) {
    await hands.page.setViewportSize({ width: 360, height: 780 });
    await hands.go("/console/search", "auditor");
    const { height } = await hands.page.locator("header.top").boundingBox();
    if (height > 100) hands.browser.fault(hands.at, `begins with ${height} pixels of header`);
    await hands.press(".menu summary");
    await hands.send(".menu a[href$='/console/health']");
    await hands.see("main h1", "the page that was chosen");
  },
  async reports(hands) {
    await hands.go("/console/reports", "auditor");
    await hands.press("#past", "ArrowDown");
    await hands.send("main form button");
    await hands.see(".figure svg");
  },
  async due(hands) {
    await hands.go("/console/due", "auditor");
    await hands.press("#state-met", " ");
    await hands.send("main form button");
    await hands.see("#state-met:checked", "what was chosen");
  },
  async findings(hands) {
    await hands.go("/console/findings", "auditor");
    await hands.press("#rule", "ArrowDown");
    await hands.send("main form button");
    await hands.see("#rule");
  },
  async looks(hands, { examples }) {
    await hands.go("/console/looks", "auditor");
    await hands.write("#subject", `${examples["{kind}"]}/${examples["{id}"]}`);
    await hands.send("form:has(#subject) button");
    await hands.see("#found");
    await hands.write("#person", "client-2000");
    await hands.send("form:has(#person) button");
    await hands.see("#found");
  },
  async examination(hands) {
    await hands.go("/console/examination", "compliance");
    await hands.write("#seed", "6 1 3 3 5 2 4");
    await hands.write("#count", "12");
    await hands.write("#exam", code);
    await hands.send("section[aria-labelledby=sample] form button");
    if ((await hands.page.locator("section[aria-labelledby=drawn] tbody tr").count()) !== 12) hands.browser.fault(hands.at, "does not draw 12 records");
    const [bundle] = await Promise.all([hands.page.waitForEvent("download"), hands.press("form[action$='examination/bundle'] button")]);
    if (await bundle.failure()) hands.browser.fault(hands.at, `the evidence cannot be downloaded: ${await bundle.failure()}`);
  },
  async grant(hands) {
    await hands.go("/console/admin", "admin");
    await hands.to("#role");
    await hands.page.keyboard.type("Auditor");
    await hands.write("#label", code);
    await hands.send("form[action$='admin/grants'] button.first");
    await hands.see(".secret", "the key");
    await hands.go("/console/admin", "admin");
    const row = `tr:has-text("${code}"):has(details)`;
    const id = await hands.page.locator(row).first().locator("input[name=id]").getAttribute("value");
    await hands.press(`tr:has(input[value="${id}"]) summary`);
    await hands.write(`#reason-${id}`, "rotated");
    await hands.send(`form:has(input[value="${id}"]) button`);
    await hands.see(".notice.good", "that the key was revoked");
  },
  async anchors(hands) {
    await hands.go("/console/admin", "admin");
    await hands.send("button[value=now]");
    await hands.see(".notice.good", "that the checkpoint is being anchored");
  },
};

// SPDX-License-Identifier: Apache-2.0

import { chromium } from "playwright-core";

// It asks nobody but the server; its profile is new each time.
const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const patience = 600_000; // ms that a page may take on a busy machine

// A Browser opens pages that are watched: what they report, load and ask for.
export class Browser {
  faults = 0;
  cookies = { "": [] }; // of who is signed in, by role; "" is nobody

  constructor(chromium, plan) {
    this.chromium = chromium;
    this.plan = plan;
  }

  static async start(plan) {
    const browser = new Browser(await chromium.launch({ executablePath: plan.chromium, args: flags }), plan);
    for (const [role, key] of Object.entries(plan.keys)) browser.cookies[role] = await browser.signIn(key, "exam-2026-q1");
    browser.cookies.newcomer = await browser.signIn(plan.keys.auditor, ""); // who has not said what for
    return browser;
  }

  // fault reports something that is wrong.
  fault(where, what) {
    this.faults++;
    console.log(`${where}: ${what}`);
  }

  // signIn returns the cookies of whoever shows a key, and says for what they look, if
  // they look at anything.
  async signIn(key, purpose) {
    const context = await this.chromium.newContext();
    context.setDefaultTimeout(patience);
    const page = await context.newPage();
    await page.goto(this.address("/console/signin"));
    await page.fill("input[name=key]", key);
    await Promise.all([page.waitForURL((u) => !u.pathname.endsWith("/signin")), page.click("main form button")]);
    await page.goto(this.address("/console/checkpoints"));
    if (purpose && (await page.locator("#purpose").count())) {
      await page.click(".purpose summary");
      await page.fill("#purpose", purpose);
      await Promise.all([page.waitForEvent("load"), page.click(".purpose button")]);
    }
    const cookies = await context.cookies();
    await context.close();
    return cookies;
  }

  // open returns a page with options as of playwright's newContext. What it
  // reports is a fault, named by where().
  async open(options, where) {
    const context = await this.chromium.newContext({ reducedMotion: "reduce", ...options });
    context.setDefaultTimeout(patience);
    const page = await context.newPage();
    page.requests = [];
    page.refused = false; // the page that comes may be one that refuses
    page.on("request", (r) => {
      page.requests.push(r.url());
      if (!/^(data|blob|file):/.test(r.url()) && new URL(r.url()).origin !== new URL(this.plan.url).origin) this.fault(where(), `asks another place: ${r.url()}`);
    });
    page.on("requestfailed", (r) => {
      const why = r.failure()?.errorText;
      if (why !== "net::ERR_ABORTED") this.fault(where(), `could not load ${r.url()}: ${why}`); // aborted: the visitor went on
    });
    page.on("pageerror", (e) => this.fault(where(), `a script failed: ${e.message}`));
    // Chromium reports what a policy forbids as an error of the console.
    page.on("console", (m) => {
      if (["error", "warning"].includes(m.type()) && !page.refused) this.fault(where(), `reports: ${m.text()}`);
    });
    return page;
  }

  address(path) {
    return new URL(path, this.plan.url).href;
  }

  async close() {
    await this.chromium.close();
  }
}

// visit goes to a screen, as the role that it is for; it has to be there.
export async function visit(browser, page, { path, as = "" }, where) {
  const context = page.context();
  await context.clearCookies();
  await context.addCookies(browser.cookies[as]);
  const answer = await page.goto(browser.address(path), { waitUntil: "load" });
  if (answer.status() !== 200) browser.fault(where, `answers ${answer.status()}`);
}

// inLanguage is a screen in a language.
export function inLanguage(screen, lang) {
  return { ...screen, path: screen.path + (screen.path.includes("?") ? "&" : "?") + "lang=" + lang };
}

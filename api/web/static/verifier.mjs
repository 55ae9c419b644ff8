// SPDX-License-Identifier: Apache-2.0

// Verifies files in the page, for templates/verifier.html. Nothing is sent
// anywhere, and no words stand here: they are in the template, of which each
// report is a copy. verifier.go puts verify.mjs before this, in one module.
import { Bad, BundleVerifier, Unread, isBundle, printable, verify } from "./verify.mjs";

const longest = (64 << 20) + 1; // what is no bundle is not read beyond it

// A Page is one form with its reports. There are two in the page that is saved,
// one for each language.
class Page {
  constructor(root) {
    this.root = root;
    this.form = this.part("form");
    this.reports = this.part("reports");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    for (const area of root.querySelectorAll("[data-drop]")) takeDrops(area);
    root.dataset.ready = "";
  }

  part(name, of = this.root) {
    return of.querySelector(`[data-part="${name}"]`);
  }

  input(name) {
    return this.form.elements.namedItem(name);
  }

  // run verifies the files that were chosen, one after the other.
  async run() {
    this.reports.replaceChildren();
    this.say("working");
    const documents = [...this.input("document").files];
    try {
      const trust = await this.trust();
      const options = { against: await Promise.all([...this.input("against").files].map(read)) };
      for (const name of ["event", "schema"]) {
        const [file] = this.input(name).files;
        if (file) options[name] = await read(file);
      }
      for (const file of documents) this.reports.append(this.report(file.name, await judged(file, trust, options)));
    } catch (e) {
      this.reports.append(this.report("", refused(e)));
    }
    this.say("done");
    this.reports.focus();
  }

  // trust returns the policy that was chosen, or else the ledger's own where the
  // page knows one.
  async trust() {
    const [file] = this.input("trust").files;
    if (file) return read(file);
    if (!this.root.dataset.trust) throw new Bad("no trust file was chosen");
    const answer = await fetch(this.root.dataset.trust);
    if (!answer.ok) throw new Bad(`the trust file of the ledger could not be fetched (${answer.status})`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  // say shows one of the states of the form.
  say(state) {
    const status = this.part("status");
    status.replaceChildren(...[...this.part("states").content.querySelectorAll(`[data-when="${state}"]`)].map((e) => e.cloneNode(true)));
    this.form.querySelector("button").disabled = state === "working";
  }

  // report returns a copy of the template, filled in.
  report(name, { verdict, checks = [], shown = [], text = "" }) {
    const out = this.part("report").content.cloneNode(true);
    this.part("name", out).textContent = printable(name);
    this.part("why", out).textContent = printable(text);
    for (const name of ["verdict", "means"]) choose(this.part(name, out), verdict);
    out.firstElementChild.dataset.verdict = verdict;
    if (!checks.length || this.input("trust").files.length) this.part("own", out).remove();
    rows(this.part("checks", out), checks, (row, c) => {
      row.dataset.result = c.result;
      row.dataset.check = c.name;
      choose(row, c.result);
      const known = this.part("names").content.querySelector(`[data-name="${CSS.escape(c.name)}"]`);
      this.part("check", row).textContent = known ? known.textContent : c.name;
      this.part("record", row).textContent = c.record ?? "";
      this.part("text", row).textContent = printable(c.text);
    });
    rows(this.part("shown", out), shown, (row, s) => {
      this.part("record", row).textContent = s.record;
      this.part("what", row).textContent = printable(s.what);
      choose(row, "value" in s ? "there" : "absent");
      if ("value" in s) this.part("value", row).textContent = printable(typeof s.value === "string" ? s.value : JSON.stringify(s.value));
    });
    return out;
  }
}

// rows fills a section with a row for each item, or takes it away where there are none.
function rows(section, items, fill) {
  const [model] = section.querySelector("tbody").rows;
  for (const item of items) {
    const row = model.cloneNode(true);
    fill(row, item);
    model.before(row);
  }
  model.remove();
  if (!items.length) section.remove();
}

// choose leaves of the alternatives in an element the one that holds.
function choose(element, which) {
  for (const e of element.querySelectorAll("[data-when]")) if (e.dataset.when !== which) e.remove();
}

const read = async (file) => new Uint8Array(await file.slice(0, longest).arrayBuffer());

// judged returns the report on a file, or why there is none.
async function judged(file, trust, options) {
  try {
    const bytes = await read(file);
    if (!isBundle(bytes) || options.event || options.against.length) {
      await painted();
      return verify(bytes, trust, options);
    }
    const bundle = new BundleVerifier(trust);
    const pieces = file.stream().getReader();
    for (let piece; !bundle.over && !(piece = await pieces.read()).done; await painted()) bundle.push(piece.value);
    return bundle.finish();
  } catch (e) {
    return refused(e);
  }
}

function refused(e) {
  if (e instanceof Unread) return { verdict: "UNREAD", text: e.message };
  if (e instanceof Bad) return { verdict: "CALL", text: e.message };
  return { verdict: "ERROR", text: String(e) };
}

// painted lets the browser draw what there is, and take what the visitor does.
const painted = () => new Promise((done) => setTimeout(done));

// takeDrops has files that are dropped on an area chosen in its input.
function takeDrops(area) {
  const input = area.querySelector("input");
  const over = (is) => (event) => {
    event.preventDefault();
    area.toggleAttribute("data-over", is);
  };
  area.addEventListener("dragover", over(true));
  area.addEventListener("dragleave", over(false));
  area.addEventListener("drop", (event) => {
    over(false)(event);
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
}

// showLanguage shows the parts of the saved page that are of a language.
function showLanguage(language) {
  document.documentElement.lang = language;
  for (const e of document.querySelectorAll("[data-language]")) e.hidden = e.lang !== language;
  for (const e of document.querySelectorAll("[data-show]")) e.setAttribute("aria-pressed", e.dataset.show === language);
}

for (const e of document.querySelectorAll("[data-show]")) e.addEventListener("click", () => showLanguage(e.dataset.show));
if (document.querySelector("[data-show]")) showLanguage(navigator.language.startsWith("zh") ? "zh-Hans" : "en");
for (const e of document.querySelectorAll("[data-verifier]")) new Page(e);

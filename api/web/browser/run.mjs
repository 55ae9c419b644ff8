// SPDX-License-Identifier: Apache-2.0

// Tests the console of a running server in Chromium. browser_long_test.go starts
// the server and writes down in a file, whose name is the one argument, what there
// is to test:
//
//   {url, chromium, keys: {ROLE: KEY}, screens: [{name, path, as}],
//    vectors: [{document, trust, event, schema, against, verdict, check, why}], evidence, saved,
//    examples: {HOLE: VALUE}, trusts: [{trust, verdict, check, result}],
//    pictures: [{name, path, as, width, height, scheme, lang, verify}], into}
//
// where as is the role of the visitor, "newcomer" for an auditor who has not said for
// what they look, "" for nobody who signed in.
//
// Each line that it writes is something that is wrong; the last one says what was
// done. The exit code is 1 where anything is wrong.
import { readFileSync } from "node:fs";
import { Browser } from "./browser.mjs";
import { keyboard } from "./keyboard.mjs";
import { noscript } from "./noscript.mjs";
import { pictures } from "./pictures.mjs";
import { forms } from "./forms.mjs";
import { printing } from "./printing.mjs";
import { proving } from "./proving.mjs";
import { saved } from "./saved.mjs";
import { appearance } from "./appearance.mjs";
import { verifying } from "./verifying.mjs";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const browser = await Browser.start(plan);
try {
  for (const part of [saved, proving, forms, keyboard, noscript, verifying, printing, appearance, pictures]) {
    const began = Date.now();
    try {
      const count = await part(browser, plan);
      console.log(`done: ${part.name}, ${count} in ${((Date.now() - began) / 1000).toFixed(1)} s`);
    } catch (e) {
      browser.fault(part.name, `cannot go on: ${e.message}`);
    }
  }
} finally {
  await browser.close();
}
process.exitCode = browser.faults ? 1 : 0;

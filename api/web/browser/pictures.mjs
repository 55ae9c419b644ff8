// SPDX-License-Identifier: Apache-2.0

import { join } from "node:path";
import { inLanguage, visit } from "./browser.mjs";

// pictures takes those that were asked for.
export async function pictures(browser, { pictures, into }) {
  pictures ??= [];
  for (const { name, path, as, width, height, scheme, lang, verify } of pictures) {
    const at = `picture ${name}`;
    const page = await browser.open({ colorScheme: scheme, viewport: { width, height } }, () => at);
    await visit(browser, page, inLanguage({ path, as }, lang), at);
    if (verify) {
      await page.setInputFiles("input[name=document]", verify);
      await page.click("[data-verifier] button.first");
      await page.locator("section[data-verdict]").scrollIntoViewIfNeeded();
    }
    await page.screenshot({ path: join(into, name + ".png") });
    await page.context().close();
  }
  return pictures.length;
}

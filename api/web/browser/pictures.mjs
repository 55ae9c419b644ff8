// SPDX-License-Identifier: Apache-2.0

import { join } from "node:path";
import { inLanguage, visit } from "./browser.mjs";

// pictures takes those that were asked for.
export async function pictures(browser, { pictures, into }) {
  pictures ??= [];
  for (const { name, path, as, width, height, scheme, lang, whole } of pictures) {
    const at = `picture ${name}`;
    const page = await browser.open({ colorScheme: scheme, viewport: { width, height } }, () => at);
    await visit(browser, page, inLanguage({ path, as }, lang), at);
    await page.screenshot({ path: join(into, name + ".png"), fullPage: Boolean(whole) });
    await page.context().close();
  }
  return pictures.length;
}

// SPDX-License-Identifier: Apache-2.0

// What portable_test.go asks of verify.mjs: a line of JSON in, a line of JSON
// out, so that one process answers for many files.
import { createInterface } from "node:readline";
import { Bad, Unread, verify } from "./verify.mjs";

const bytes = (s) => (s ? new Uint8Array(Buffer.from(s, "base64")) : undefined);

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  const options = { event: bytes(job.Event), schema: bytes(job.Schema), against: (job.Against ?? []).map(bytes) };
  let answer;
  try {
    answer = verify(bytes(job.Document) ?? new Uint8Array(), bytes(job.Trust), options);
  } catch (e) {
    if (!(e instanceof Unread || e instanceof Bad)) throw e;
    answer = { verdict: e instanceof Unread ? "UNREAD" : "CALL", text: e.message };
  }
  console.log(JSON.stringify(answer));
}

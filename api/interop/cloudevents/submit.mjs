// SPDX-License-Identifier: Apache-2.0

// Submits two events with the CloudEvents SDK for JavaScript, in each of its
// modes, and prints what is answered, a line each.
import { CloudEvent, HTTP, Mode, emitterFor, httpTransport } from "cloudevents";

const [url] = process.argv.slice(2);
const send = httpTransport(`${url}/v1/records`);
// In binary mode the SDK leaves it to its caller to write attributes so that a
// header can hold them.
const header = (text) => text.replace(/[^\x21\x23\x24\x26-\x7e]/gu, encodeURIComponent);
for (const mode of [Mode.BINARY, Mode.STRUCTURED]) {
  const text = mode === Mode.BINARY ? header : (text) => text;
  const emit = emitterFor(send, { binding: HTTP, mode });
  const answer = await emit(
    new CloudEvent({
      id: `javascript-${mode}`,
      source: "urn:interop:origination",
      type: "org.lendlog.decision.made.v1",
      subject: text("file/A-1/ü"),
      party: text("王小明"),
      time: "2026-02-03T09:30:00.000Z",
      data: { outcome: "declined", decisionMode: "automated", reasonCodes: ["debt-to-income"] },
    }),
  );
  console.log(JSON.stringify({ mode, body: answer.body }));
}

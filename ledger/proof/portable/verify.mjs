#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0

// Verify evidence, bundles and receipts of a lendlog ledger offline.
//
// Written from docs/formats.md, whose sections the comments name, and from the
// specifications that it names. One module without dependencies, for browsers
// and for node 20 or later. Its cryptography is its own: a page that was not
// read over TLS has no WebCrypto, and what WebCrypto accepts as an Ed25519
// signature differs between browsers, where a verdict must not. All that it
// handles is public, so nothing here takes the same time for all inputs.
//
//   import { verify } from "./verify.mjs";
//   const { verdict, checks, shown } = verify(evidence, trust, { against: [receipt] });

export const usage = `Verify evidence, bundles and receipts of a lendlog ledger offline.

Usage:
  node verify.mjs --trust TRUST [--against RECEIPT]... [--json] FILE...
  node verify.mjs --trust TRUST --event EVENT --schema SCHEMA [--json] RECEIPT

Example:
  node verify.mjs --trust trust.json record-12.evidence.json

Flags:
  --trust TRUST    the trust file: whom you believe. Get it from somebody else
                   than the operator of the ledger
  --event EVENT    the event that a receipt is of, as it was submitted: every
                   digest is computed again
  --schema SCHEMA  the schema of the event, as lendlog types show TYPE --json
                   prints it
  --against RECEIPT
                   a receipt to hold evidence against: a record that the ledger
                   gave a receipt for and leaves out is proof of fraud
  --json           one line of JSON per file: {"file", "report"}

Exit codes: 0 VALID, 3 INVALID (a check failed: evidence of tampering),
4 INCOMPLETE (nothing failed, but a check could not be made), 2 a wrong call or
a file that is neither evidence nor a bundle nor a receipt, 1 an internal error.
Of several files the worst decides: INVALID, then a file that could not be read,
then INCOMPLETE. A bundle is read line by line, and may be of any size.
`;

const maxFile = 64 << 20;

// Unread is thrown for a file that is not JSON under section 1, or of no format that is read here.
export class Unread extends Error {}

// Bad says that something is not as the formats have it; whoever parses it says which check that is.
export class Bad extends Error {}

// Missing says that a check cannot be made.
class Missing extends Error {}

function must(holds, text) {
  if (!holds) throw new Bad(text);
}

// Bytes.

const utf8 = (s) => new TextEncoder().encode(s);
const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
const hex = (b) => Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
const latin = (b) => b.reduce((s, x) => s + String.fromCharCode(x), "");
const to64 = (b) => btoa(latin(b));

function join(...parts) {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

function from64(s) {
  try {
    return Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
  } catch {
    return null;
  }
}

// Section 1: the JSON profile. Objects become Maps.

const space = /[ \t\n\r]*/y;
const number = /(-?)(0|[1-9][0-9]*)(?![0-9.eE])/y;
const plain = /[^"\\\x00-\x1f]*/y;
const escape = /\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))/y;
const short = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const words = { t: ["true", true], f: ["false", false], n: ["null", null] };

function parse(bytes, left = 2097152) { // left: values that may still come
  let s;
  try {
    s = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Unread("not UTF-8");
  }
  let at = 0;

  const refuse = (what) => {
    throw new Unread(`${what} (character ${at})`);
  };
  const match = (re) => {
    re.lastIndex = at;
    const m = re.exec(s);
    if (m) at += m[0].length;
    return m;
  };
  const string = () => {
    at++;
    let text = "";
    for (let escaped = false; ; escaped = true) {
      text += match(plain)[0];
      if (s[at] === '"') {
        at++;
        if (escaped && /[\ud800-\udfff]/u.test(text)) refuse("a lone surrogate");
        return text;
      }
      const m = match(escape);
      if (!m) refuse("a string that does not end, or holds what it may not");
      text += m[2] ? String.fromCharCode(parseInt(m[2], 16)) : short[m[1]] ?? m[1];
    }
  };
  // list reads what stands between brackets, an item at a time.
  const list = (end, item) => {
    at++;
    match(space);
    if (s[at] === end) return at++;
    for (;;) {
      item();
      match(space);
      if (s[at] === end) return at++;
      if (s[at] !== ",") refuse("no comma");
      at++;
      match(space);
    }
  };
  const value = (level) => {
    if (left-- === 0) refuse("too many values");
    const c = s[at];
    if (c === '"') return string();
    if (c === "{" || c === "[") {
      if (level === 32) refuse("nested too deeply");
      const out = c === "{" ? new Map() : [];
      if (c === "[") {
        list("]", () => out.push(value(level + 1)));
        return out;
      }
      list("}", () => {
        if (s[at] !== '"') refuse("no name of a member");
        const name = string();
        if (out.has(name)) refuse("two members of one name");
        match(space);
        if (s[at] !== ":") refuse("no colon");
        at++;
        match(space);
        out.set(name, value(level + 1));
        if (out.size > 1024) refuse("too many members");
      });
      return out;
    }
    if (Object.hasOwn(words, c) && s.startsWith(words[c][0], at)) {
      at += words[c][0].length;
      return words[c][1];
    }
    const m = match(number);
    if (!m || m[0] === "-0" || m[2].length > 16 || Number(m[2]) > Number.MAX_SAFE_INTEGER) {
      refuse("neither a JSON value nor an integer up to 2^53-1 in its shortest spelling");
    }
    return Number(m[0]);
  };

  match(space);
  const v = value(0);
  match(space);
  if (at !== s.length) refuse("more than one value");
  return v;
}

// canonical returns the canonical form (RFC 8785) of a value.
function canonical(v) {
  if (v instanceof Map) {
    // Strings compare by their UTF-16 code units.
    return `{${[...v.keys()].sort().map((n) => `${JSON.stringify(n)}:${canonical(v.get(n))}`).join(",")}}`;
  }
  return Array.isArray(v) ? `[${v.map(canonical).join(",")}]` : JSON.stringify(v);
}

function parseCanonical(bytes, what) {
  const v = jsonOf(bytes, what);
  must(same(utf8(canonical(v)), bytes), `${what} is not canonical`);
  return v;
}

// jsonOf is parse for what is part of a document, or stands beside it.
function jsonOf(bytes, what, most) {
  try {
    return parse(bytes, most);
  } catch (e) {
    if (e instanceof Unread) throw new Bad(`${what} is not JSON: ${e.message}`);
    throw e;
  }
}

// strict requires an object of just these members: of what it needs all, of what it may have some.
function strict(v, what, needs, may = []) {
  must(v instanceof Map, `${what} is not an object`);
  for (const name of needs) must(v.has(name), `${what} lacks ${name}`);
  for (const name of v.keys()) must(needs.includes(name) || may.includes(name), `${what} has an unknown member ${name}`);
  return Object.fromEntries(v);
}

function text(v, what) {
  must(typeof v === "string", `${what} is not a string`);
  return v;
}

function integer(v, what, least = 0) {
  must(typeof v === "number" && v >= least, `${what} is not an integer from ${least}`);
  return v;
}

function array(v, what, most = Infinity) {
  must(Array.isArray(v) && v.length <= most, `${what} is not an array, or too long`);
  return v;
}

// unbase64 decodes base64, of which each value has one spelling.
function unbase64(v, what, size) {
  const b = from64(text(v, what));
  must(b && to64(b) === v, `${what} is not base64`);
  must(size === undefined || b.length === size, `${what} has not ${size} bytes`);
  return b;
}

function unbase64url(v, what, size) {
  must(/^[A-Za-z0-9_-]*$/.test(text(v, what)), `${what} is not base64url`);
  const standard = v.replaceAll("-", "+").replaceAll("_", "/");
  return unbase64(standard + "=".repeat(-v.length & 3), what, size);
}

// SHA-256 and SHA-512 (FIPS 180-4). Their constants are the first bits behind
// the point of square and cube roots of the first primes.

function rootOf(n, k) {
  let x = 1n << BigInt(Math.ceil(n.toString(2).length / Number(k)));
  for (;;) {
    const y = ((k - 1n) * x + n / x ** (k - 1n)) / k;
    if (y >= x) return x;
    x = y;
  }
}

const primes = [];
for (let n = 2n; primes.length < 80; n++) if (primes.every((p) => n % p)) primes.push(n);
const k512 = primes.map((p) => BigInt.asUintN(64, rootOf(p << 192n, 3n)));
const h512 = primes.slice(0, 8).map((p) => BigInt.asUintN(64, rootOf(p << 128n, 2n)));
const k256 = Int32Array.from(k512.slice(0, 64), (k) => Number(k >> 32n));
const h256 = Int32Array.from(h512, (h) => Number(h >> 32n));

// padded appends a bit 1, zeros, and the length in bits in the last 8 bytes of a block.
function padded(b, block) {
  const tail = block / 8;
  const out = new Uint8Array(Math.ceil((b.length + 1 + tail) / block) * block);
  out.set(b);
  out[b.length] = 0x80;
  new DataView(out.buffer).setBigUint64(out.length - 8, BigInt(b.length) * 8n);
  return out;
}

function sha256(...parts) {
  const b = padded(join(...parts), 64);
  const view = new DataView(b.buffer);
  const h = Int32Array.from(h256);
  const w = new Int32Array(64);
  const rot = (x, n) => (x >>> n) | (x << (32 - n));
  for (let at = 0; at < b.length; at += 64) {
    for (let i = 0; i < 64; i++) {
      if (i < 16) {
        w[i] = view.getInt32(at + 4 * i);
        continue;
      }
      const x = w[i - 15], y = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + (rot(x, 7) ^ rot(x, 18) ^ (x >>> 3)) + (rot(y, 17) ^ rot(y, 19) ^ (y >>> 10));
    }
    let [a, c, d, e, f, g, i, j] = h;
    for (let n = 0; n < 64; n++) {
      const t1 = (j + (rot(f, 6) ^ rot(f, 11) ^ rot(f, 25)) + ((f & g) ^ (~f & i)) + k256[n] + w[n]) | 0;
      const t2 = ((rot(a, 2) ^ rot(a, 13) ^ rot(a, 22)) + ((a & c) ^ (a & d) ^ (c & d))) | 0;
      [j, i, g, f, e, d, c, a] = [i, g, f, (e + t1) | 0, d, c, a, (t1 + t2) | 0];
    }
    [a, c, d, e, f, g, i, j].forEach((x, n) => (h[n] += x));
  }
  const out = new DataView(new ArrayBuffer(32));
  h.forEach((x, i) => out.setInt32(4 * i, x));
  return new Uint8Array(out.buffer);
}

function sha512(...parts) {
  const b = padded(join(...parts), 128);
  const view = new DataView(b.buffer);
  const h = BigUint64Array.from(h512);
  const w = new BigUint64Array(80);
  const rot = (x, n) => BigInt.asUintN(64, (x >> n) | (x << (64n - n)));
  for (let at = 0; at < b.length; at += 128) {
    for (let i = 0; i < 80; i++) {
      if (i < 16) {
        w[i] = view.getBigUint64(at + 8 * i);
        continue;
      }
      const x = w[i - 15], y = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + (rot(x, 1n) ^ rot(x, 8n) ^ (x >> 7n)) + (rot(y, 19n) ^ rot(y, 61n) ^ (y >> 6n));
    }
    let [a, c, d, e, f, g, i, j] = h;
    for (let n = 0; n < 80; n++) {
      const t1 = j + (rot(f, 14n) ^ rot(f, 18n) ^ rot(f, 41n)) + ((f & g) ^ (~f & i)) + k512[n] + w[n];
      const t2 = (rot(a, 28n) ^ rot(a, 34n) ^ rot(a, 39n)) + ((a & c) ^ (a & d) ^ (c & d));
      [j, i, g, f, e, d, c, a] = [i, g, f, BigInt.asUintN(64, e + t1), d, c, a, BigInt.asUintN(64, t1 + t2)];
    }
    [a, c, d, e, f, g, i, j].forEach((x, n) => (h[n] += x));
  }
  const out = new DataView(new ArrayBuffer(64));
  h.forEach((x, i) => out.setBigUint64(8 * i, x));
  return new Uint8Array(out.buffer);
}

// Section 2: leaves, and RFC 6962.

const leafHash = (b) => sha256([0], b);
const nodeHash = (l, r) => sha256([1], l, r);

const maxSize = 1n << 62n;

// included verifies an inclusion proof as RFC 9162, section 2.1.3.2 has it. size is a BigInt.
function included(leaf, index, size, proof, root) {
  let fn = BigInt(index), sn = size - 1n, r = leaf;
  if (fn > sn || size > maxSize) return false;
  for (const p of proof) {
    if (sn === 0n) return false;
    if (fn & 1n || fn === sn) {
      r = nodeHash(p, r);
      while (fn && !(fn & 1n)) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      r = nodeHash(r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && same(r, root);
}

// consistent verifies as RFC 9162, section 2.1.4.2 has it that the tree of one head is a prefix of that of another.
function consistent(old, later, proof) {
  if (old.size > later.size || later.size > maxSize || (old.size === 0n && !same(old.root, sha256()))) return false;
  if (old.size === later.size) return !proof.length && same(old.root, later.root);
  if (old.size === 0n) return !proof.length;
  const path = old.size & (old.size - 1n) ? [...proof] : [old.root, ...proof];
  let fn = old.size - 1n, sn = later.size - 1n;
  while (fn & 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  if (!path.length) return false;
  let fr = path.shift(), sr = fr;
  for (const p of path) {
    if (sn === 0n) return false;
    if (fn & 1n || fn === sn) {
      [fr, sr] = [nodeHash(p, fr), nodeHash(p, sr)];
      while (fn && !(fn & 1n)) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      sr = nodeHash(sr, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && same(fr, old.root) && same(sr, later.root);
}

function merkleRoot(leaves) {
  if (leaves.length === 1) return leaves[0];
  let k = 1;
  while (2 * k < leaves.length) k *= 2;
  return nodeHash(merkleRoot(leaves.slice(0, k)), merkleRoot(leaves.slice(k)));
}

const restrictedType = "org.lendlog.restricted.v1";
const observedType = "org.lendlog.chain.observed.v1";
const keyChangedType = "org.lendlog.key.changed.v1";
const indexRootType = "org.lendlog.index-root.v1";
const clock = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?(?:Z|[+-]([0-9]{2}):([0-9]{2}))$/;

function isTime(s) {
  const m = clock.exec(s);
  if (!m) return false;
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  return day >= 1 && day <= days && hour < 24 && minute < 60 && second < 60 && !(m[8] > "23") && !(m[9] > "59");
}

// isRecorded reports whether a text is a time as the ledger's clock writes it, which can be compared as text.
const isRecorded = (s) => isTime(s) && s.length === 24 && s.endsWith("Z");

// parseLeaf returns the members of a leaf, hashes as bytes.
function parseLeaf(bytes) {
  must(bytes.length <= 65535, "the leaf is longer than 65,535 bytes");
  const v = parseCanonical(bytes, "the leaf");
  must(v instanceof Map, "the leaf is not an object");
  const type = v.get("type");
  let e;
  if (type === indexRootType) {
    e = strict(v, "the index-root", ["covers", "root", "type", "v"]);
    integer(e.covers, "covers");
    e.root = unbase64(e.root, "root", 32);
  } else {
    const needs = ["capture", "event", "open", "recorded", "schema", "sealed", "seq", "term", "type", "v"];
    const restricted = type === restrictedType;
    if (!restricted) needs.push("submitter", "time");
    e = strict(v, "the entry", needs, restricted ? ["prev"] : ["prev", "refs"]);
    must(["live", "late", "import"].includes(e.capture), "capture is unknown");
    for (const name of ["event", "schema", "sealed", "term"]) e[name] = unbase64(e[name], name, 32);
    must(e.open instanceof Map, "open is not an object");
    must(!restricted || e.open.size === 0, "a restricted record has open members");
    must(isRecorded(text(e.recorded, "recorded")), "recorded is not a time of the ledger");
    integer(e.seq, "seq", 1);
    must(v.has("prev") === e.seq > 1, "prev is there exactly when seq is greater than 1");
    if (v.has("prev")) e.prev = unbase64(e.prev, "prev", 32);
    if (v.has("refs")) {
      must(array(e.refs, "refs").length > 0, "refs is empty");
      e.refs.forEach((r, i) => must(integer(r, "a ref") > (i ? e.refs[i - 1] : -1), "refs do not ascend"));
    }
    if (!restricted) {
      must(/^[\x21-\x7e]{1,64}$/.test(text(e.submitter, "submitter")), "submitter is not an id");
      must(isTime(text(e.time, "time")), "time is not RFC 3339");
    }
    must(/^[\x21-\x7e]{1,128}$/.test(text(type, "type")), "type is not a name");
  }
  must(e.v === "lendlog/1", "v is unknown");
  return e;
}

// Section 3: sealed members.

const attributes = ["/causationid", "/extensions", "/id", "/parent", "/party", "/sequence", "/signature", "/source", "/subject"];
const institution = ["/refs", "/submitter", "/time", "/type"];
const neverAbsent = ["/id", "/source", "/subject", "/submitter", "/time", "/type"];
const placed = [...attributes.filter((p) => p !== "/extensions"), "/data", "/data_base64", "/specversion", "/time", "/type"];

// parseSchema returns what a verifier needs of a schema; groups has the sealable pointers in their order.
function parseSchema(bytes) {
  must(bytes.length <= 60000, "the schema is longer than 60,000 bytes");
  const o = jsonOf(bytes, "the schema");
  must(o instanceof Map, "the schema is not an object");
  const type = /^urn:lendlog:schema:([a-z0-9-]+(?:\.[a-z0-9-]+)+\.v[1-9][0-9]{0,3})$/.exec(text(o.get("$id"), "$id"))?.[1];
  must(type && type.length <= 128, "$id is not the name of a record type");
  const restricted = o.get("x-restricted") ?? false;
  must(typeof restricted === "boolean", "x-restricted is not a boolean");
  const opens = new Set(), unsorted = new Map(attributes.map((p) => [p, "party"]));
  if (restricted) institution.forEach((p) => unsorted.set(p, "institution"));
  const properties = o.get("properties") ?? new Map();
  must(properties instanceof Map, "properties is not an object");
  for (const [name, p] of properties) {
    must(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name) && p instanceof Map, `${name} is no member of data`);
    must(p.has("x-open") !== p.has("x-key"), `${name} has not either x-open or x-key`);
    if (p.has("x-open")) {
      must(p.get("x-open") === true && !restricted, `x-open of ${name} is not true`);
      opens.add(name);
    } else {
      unsorted.set(`/data/${name}`, groupOf(p.get("x-key")));
    }
  }
  const pointers = [...unsorted.keys()].sort();
  return { type, restricted, opens, hash: sha256(bytes), pointers, groups: new Map(pointers.map((p) => [p, unsorted.get(p)])) };
}

function groupOf(key) {
  if (typeof key === "string") {
    must(["party", "staff", "institution"].includes(key), "x-key is unknown");
    return key;
  }
  must(key instanceof Map, "x-key is not a group");
  const group = text(key.get("group"), "group");
  must(/^[a-z][A-Za-z0-9]{0,31}(\.[a-z][A-Za-z0-9]{0,31})?$/.test(group) && group !== "party" && group !== "institution", "group is not a name");
  return group;
}

// rightKind reports whether a sealed member may have a value; undefined is none.
function rightKind(pointer, v) {
  if (v === undefined) return !neverAbsent.includes(pointer);
  if (pointer.startsWith("/data/")) return true;
  switch (pointer) {
    case "/extensions":
      return v instanceof Map && ![...v.keys()].some((name) => placed.includes("/" + name));
    case "/refs":
      return Array.isArray(v);
    case "/type": {
      if (!(v instanceof Map) || [...v.keys()].sort().join() !== "name,schema" || typeof v.get("name") !== "string") return false;
      const h = v.get("schema");
      const b = typeof h === "string" && from64(h);
      return Boolean(b) && b.length === 32 && to64(b) === h;
    }
  }
  return typeof v === "string";
}

// parseDisclosure returns pointer and value; a value that is undefined says that the event lacks the member.
function parseDisclosure(bytes) {
  const d = parseCanonical(bytes, "a disclosure");
  must(Array.isArray(d) && (d.length === 2 || d.length === 3), "a disclosure has not two or three items");
  unbase64(d[0], "the salt of a disclosure", 16);
  text(d[1], "the pointer of a disclosure");
  must(d[2] !== null, `${d[1]} is null`);
  return [d[1], d[2]];
}

// Section 4: terms. Edwards25519 and RFC 9496 (ristretto255).

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

const mod = (a, m = P) => {
  const r = a % m;
  return r < 0n ? r + m : r;
};

function pow(b, e, m = P) {
  let r = 1n;
  for (const bit of e.toString(2)) {
    r = (r * r) % m;
    if (bit === "1") r = (r * b) % m;
  }
  return r;
}

const inverse = (a, m = P) => pow(mod(a, m), m - 2n, m);
const D = mod(-121665n * inverse(121666n));
const sqrtM1 = pow(2n, (P - 1n) / 4n);

const toInt = (b) => BigInt("0x" + (hex(b) || "0"));
const fromLittle = (b) => toInt(Uint8Array.from(b).reverse());
const little = (n) => Uint8Array.from({ length: 32 }, (_, i) => Number((n >> BigInt(8 * i)) & 255n));

// Points are [X, Y, Z, T]; add is complete.
function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = ((y1 - x1) * (y2 - x2)) % P, b = ((y1 + x1) * (y2 + x2)) % P;
  const c = (((2n * t1 * t2) % P) * D) % P, d = (2n * z1 * z2) % P;
  const e = b - a, f = d - c, g = d + c, h = b + a;
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

const neg = ([x, y, z, t]) => [P - x, y, z, P - t];

const zero = [0n, 1n, 1n, 0n];

// combine returns a*p + b*q in the group with that addition.
function combine(a, p, b, q, add, zero) {
  const terms = [null, p, q, add(p, q)];
  let r = zero;
  for (let bit = 255n; bit >= 0n; bit--) {
    if (r !== zero) r = add(r, r);
    const which = Number(((a >> bit) & 1n) + 2n * ((b >> bit) & 1n));
    if (which) r = add(r, terms[which]);
  }
  return r;
}

const odd = (x) => (mod(x) & 1n) === 1n;
const absolute = (x) => (odd(x) ? P - mod(x) : mod(x));

// sqrtRatio is SQRT_RATIO_M1 of RFC 9496, section 4.2.
function sqrtRatio(u, v) {
  [u, v] = [mod(u), mod(v)];
  const v3 = (v * v * v) % P;
  let r = (((u * v3) % P) * pow((u * v3 * v3 * v) % P, (P - 5n) / 8n)) % P;
  const check = (v * r * r) % P, minus = mod(-u);
  if (check === minus || check === (minus * sqrtM1) % P) r = (r * sqrtM1) % P;
  return [check === u || check === minus, absolute(r)];
}

function ristrettoDecode(b) {
  const s = fromLittle(b);
  if (s >= P || odd(s)) return null;
  const u1 = mod(1n - s * s), u2 = mod(1n + s * s);
  const v = mod(-D * u1 * u1 - u2 * u2);
  const [square, inv] = sqrtRatio(1n, v * u2 * u2);
  const x = absolute(2n * s * inv * u2), y = mod(u1 * inv * inv * u2 * v), t = mod(x * y);
  return !square || odd(t) || y === 0n ? null : [x, y, 1n, t];
}

const invsqrtAMinusD = sqrtRatio(1n, -1n - D)[1];
const sqrtADMinusOne = P - sqrtRatio(-1n - D, 1n)[1];

function ristrettoEncode([x, y, z, t]) {
  const u1 = mod((z + y) * (z - y)), u2 = mod(x * y);
  const inv = sqrtRatio(1n, u1 * u2 * u2)[1];
  const den1 = mod(inv * u1), den2 = mod(inv * u2), zInv = mod(den1 * den2 * t);
  let den = den2;
  if (odd(t * zInv)) [x, y, den] = [y * sqrtM1, x * sqrtM1, den1 * invsqrtAMinusD];
  if (odd(x * zInv)) y = -y;
  return little(absolute(den * (z - y)));
}

// elligator is MAP of RFC 9496, section 4.3.4.
function elligator(b) {
  const t = mod(fromLittle(b) & (2n ** 255n - 1n));
  const r = mod(sqrtM1 * t * t);
  const u = mod((r + 1n) * (1n - D * D)), v = mod((-1n - r * D) * (r + D));
  const [square, root] = sqrtRatio(u, v);
  const s = square ? root : -absolute(root * t), c = square ? -1n : r;
  const n = mod(c * (r - 1n) * (D - 1n) ** 2n - v);
  const w0 = 2n * s * v, w1 = n * sqrtADMinusOne, w2 = 1n - s * s, w3 = 1n + s * s;
  return [w0 * w3, w2 * w1, w1 * w3, w0 * w2].map((x) => mod(x));
}

// edwardsDecode decodes as RFC 8032, section 5.1.3, but y may be P or more, and 0 have a sign (section 6).
function edwardsDecode(b) {
  const n = fromLittle(b), y = mod(n & (2n ** 255n - 1n));
  let [square, x] = sqrtRatio(y * y - 1n, D * y * y + 1n);
  if (!square) return null;
  if (n >> 255n) x = mod(-x);
  return [x, y, 1n, mod(x * y)];
}

function edwardsEncode([x, y, z]) {
  const zInv = inverse(z);
  return little(mod(y * zInv) | (odd(x * zInv) ? 1n << 255n : 0n));
}

const base = edwardsDecode(little(mod(4n * inverse(5n))));
const suite = join([0xff], utf8("c2sp.org/vrf-r255"));

// termOf returns the term that a VRF proof proves; it is Bad when it proves none.
function termOf(key, subject, proof) {
  const slash = subject.indexOf("/");
  const kind = utf8(subject.slice(0, slash)), id = utf8(subject.slice(slash + 1));
  must(slash > 0 && id.length > 0 && kind.length <= 65535 && id.length <= 65535, "a subject is kind/id");
  const part = (b) => join([b.length >> 8, b.length & 255], b);
  return vrfVerify(key, join(part(utf8("lendlog/term")), part(kind), part(id)), proof).slice(0, 32);
}

// vrfVerify is ECVRF_verify of RFC 9381, section 5.3, in the suite of C2SP vrf-r255; it returns beta.
export function vrfVerify(key, alpha, proof) {
  const y = ristrettoDecode(key), gamma = ristrettoDecode(proof.slice(0, 32));
  const c = fromLittle(proof.slice(32, 48)), s = fromLittle(proof.slice(48));
  must(proof.length === 80 && y && gamma && s < L, "the VRF proof is none");
  const uniform = sha512(suite, [0x82], key, alpha);
  const h = add(elligator(uniform.slice(0, 32)), elligator(uniform.slice(32)));
  const u = combine(s, base, c, neg(y), add, zero), v = combine(s, h, c, neg(gamma), add, zero);
  const challenge = sha512(suite, [2], key, ...[h, gamma, u, v].map(ristrettoEncode), [0]);
  must(same(challenge.slice(0, 16), proof.slice(32, 48)), "the VRF proof is wrong");
  return sha512(suite, [3], proof.slice(0, 32), [0]);
}

// Section 5: the map, and the proofs of section 7.

function uvarint(n) {
  const out = [];
  for (n = BigInt(n); n >= 0x80n; n >>= 7n) out.push(Number(n & 0x7fn) | 0x80);
  return [...out, Number(n)];
}

// mapProves is Bad unless the map has a value, or for undefined no value, under a key.
function mapProves(root, key, value, proof) {
  let at = 0;
  const varint = () => {
    let n = 0n;
    for (let shift = 0n; ; shift += 7n) {
      must(at < proof.length && shift < 70n, "the map proof is cut off");
      const b = proof[at++];
      n |= BigInt(b & 0x7f) << shift;
      if (b < 0x80) {
        must(b > 0 || shift === 0n, "a number of the map proof is not in its shortest form");
        return n;
      }
    }
  };
  const take = (n) => {
    must(n <= BigInt(proof.length - at), "the map proof is cut off");
    at += Number(n);
    return proof.slice(at - Number(n), at);
  };
  // A key goes on with a byte 0 and then with bytes 255.
  const bitOf = (k, bit) => {
    const i = bit >> 3n, n = BigInt(k.length);
    return ((i < n ? k[Number(i)] : i === n ? 0 : 255) >> (7 - Number(bit & 7n))) & 1;
  };
  if (!value && proof.length === 0) {
    must(same(root, sha256()), "the map is not empty");
    return;
  }
  let found = key;
  if (!value) {
    found = take(varint());
    value = take(varint());
    must(!same(found, key), "the map has the key");
  }
  let h = sha256([0], uvarint(found.length), found, uvarint(value.length), value);
  let last = (1n << 64n) - 1n;
  while (at < proof.length) {
    const bit = varint(), side = bitOf(key, bit);
    must(bit < last, "the bits of the map proof do not fall");
    must(bitOf(found, bit) === side, "the map proof ends elsewhere than the look-up");
    const sibling = take(32n);
    h = sha256([1], uvarint(bit), ...(side ? [sibling, h] : [h, sibling]));
    last = bit;
  }
  must(same(h, root), "the map proof leads to another hash");
}

// Section 6: checkpoints; Ed25519 and ECDSA with P-256.

export function ed25519(key, message, sig) {
  if (sig.length !== 64) return false;
  const a = edwardsDecode(key), s = fromLittle(sig.slice(32));
  if (!a || s >= L) return false;
  const k = fromLittle(sha512(sig.slice(0, 32), key, message)) % L;
  return same(edwardsEncode(combine(s, base, k, neg(a), add, zero)), sig.slice(0, 32));
}

const p256 = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const n256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const b256 = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const g256 = [
  0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
  1n,
];

const onP256 = ([x, y]) => x < p256 && y < p256 && mod(y * y - x ** 3n + 3n * x - b256, p256) === 0n;

// add256 is the complete addition of Renes, Costello and Batina, with a = -3; [0, 1, 0] is the identity.
function add256([x1, y1, z1], [x2, y2, z2]) {
  const xx = x1 * x2, yy = y1 * y2, zz = z1 * z2;
  const xy = mod(x1 * y2 + x2 * y1, p256), xz = mod(x1 * z2 + x2 * z1, p256), yz = mod(y1 * z2 + y2 * z1, p256);
  const d = 3n * b256 * zz - 3n * xz;
  const m = mod(yy - d, p256), n = mod(yy + d, p256);
  const k = mod(3n * xx - 3n * zz, p256), l = mod(3n * b256 * xz - 3n * xx - 9n * zz, p256);
  return [mod(xy * m - yz * l, p256), mod(m * n + k * l, p256), mod(yz * n + xy * k, p256)];
}

export function es256(key, message, sig) {
  const r = toInt(sig.slice(0, 32)), s = toInt(sig.slice(32));
  if (sig.length !== 64 || r === 0n || r >= n256 || s === 0n || s >= n256) return false;
  const w = inverse(s, n256);
  const u = (toInt(sha256(message)) * w) % n256, v = (r * w) % n256;
  const [x, , z] = combine(u, g256, v, key, add256, [0n, 1n, 0n]);
  return z !== 0n && mod(x * inverse(z, p256), p256) % n256 === r;
}

const noName = /[\t-\r +\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

// openNote returns the text of a signed note, which of the keys signed it, and by
// public key the times in seconds at which those of witnesses did. It is Bad when
// the note is none, or a signature of one of the keys is wrong.
function openNote(keys, note) {
  must(!/[\x00-\x09\x0b-\x1f]/.test(note), "the checkpoint has control characters");
  const split = note.lastIndexOf("\n\n");
  must(split >= 0 && split + 2 < note.length && note.endsWith("\n"), "the checkpoint is not a signed note");
  const body = note.slice(0, split + 1), signatures = note.slice(split + 2, -1).split("\n");
  must(signatures.length <= 100, "the checkpoint has more than 100 signatures");
  const known = new Map(keys.map((k) => [k.of, k]));
  const signers = new Set(), times = new Map();
  for (const line of signatures) {
    const [, name, sig] = /^— ([^ ]+) (.*)$/.exec(line) ?? [];
    must(name && !noName.test(name), "a line of the checkpoint is not a signature");
    const b = from64(sig);
    must(b && b.length > 4 && to64(b).length === sig.length, "a signature of the checkpoint is not base64");
    const of = `${name}+${hex(b.slice(0, 4))}`, k = known.get(of);
    if (!k || signers.has(of)) continue;
    let ok;
    if (k.witness) {
      const at = toInt(b.slice(4, 12)), signer = hex(k.key);
      ok = at < 1n << 40n && ed25519(k.key, utf8(`cosignature/v1\ntime ${at}\n${body}`), b.slice(12));
      if (!times.has(signer)) times.set(signer, Number(at));
    } else {
      ok = ed25519(k.key, utf8(body), b.slice(4));
    }
    must(ok, `the signature of ${name} is wrong`);
    must(to64(b) === sig, `the signature of ${name} is not in strict base64`);
    signers.add(of);
  }
  return { body, signers, times };
}

// openCheckpoint returns the head of a signed checkpoint: size, a BigInt, root,
// and the times in seconds at which witnesses of the policy cosigned it, one for
// each public key, ascending. It is Bad when the policy does not believe it.
function openCheckpoint(trust, note) {
  const { body, signers, times } = openNote([...(trust.witnesses?.keys ?? []), ...trust.keys], note);
  must(trust.keys.some((k) => signers.has(k.of)), "the checkpoint bears no signature of a known key of the ledger");
  const lines = body.split("\n");
  must(lines.length === 4 && /^(0|[1-9][0-9]{0,18})$/.test(lines[1]), "the checkpoint has not three lines");
  must(lines[0] === trust.origin, "the checkpoint is of another origin");
  const size = BigInt(lines[1]), root = unbase64(lines[2], "the root of the checkpoint", 32);
  must(size < 1n << 63n, "the size of the checkpoint is too large");
  const may = trust.keys.some((k) => signers.has(k.of) && k.from <= size && size <= k.to);
  must(may, "no key that signed the checkpoint may sign its size");
  return { size, root, times: [...times.values()].sort((a, b) => a - b) };
}

// Section 20: new checkpoint keys.

// after returns the policy as it is once the key of a statement was announced, the
// policy itself where it has that key. It is Bad when the statement does not count.
function after(trust, statement) {
  const [said, origin, key, ...sizes] = /^lendlog\/key-change\/1\n([^\n]*)\n([^\n]*)\n([1-9][0-9]{0,15})\n([1-9][0-9]{0,15})\n\n/.exec(statement) ?? [];
  const [from, until] = sizes.map(Number);
  must(utf8(statement).length <= 8192 && origin === trust.origin && from <= until && until <= Number.MAX_SAFE_INTEGER, "it is no statement of a key of this ledger");
  const fresh = verifierKey(key, 1);
  must(fresh.name === trust.origin, "the name of the key is not the origin");
  if (trust.keys.some((k) => k.of === fresh.of)) return trust;
  const { body, signers } = openNote([...trust.keys.filter((k) => k.from <= from && from <= k.to), fresh], statement);
  must(`${body}\n` === said && signers.has(fresh.of) && signers.size > 1, "the new key, and one before it that may sign its first checkpoint, have to have signed");
  const before = trust.keys.map((k) => (k.from <= until && until < k.to ? { ...k, to: until } : k));
  return { ...trust, keys: [...before, { of: fresh.of, key: fresh.key, from, to: Infinity }] };
}

// announced returns the policy with the keys that records announce, and the index
// of the record that announces the last one.
function announced(trust, records) {
  let later = trust, last;
  for (const r of [...records].sort((a, b) => a.index - b.index)) {
    try {
      const { type, open } = parseLeaf(r.entry), statement = type === keyChangedType && open.get("statement");
      if (typeof statement !== "string") continue;
      const next = after(later, statement);
      if (next !== later && next.keys.at(-1).from === r.index + 1) [later, last] = [next, r.index];
    } catch (e) {
      if (!(e instanceof Bad)) throw e;
    }
  }
  return [later, last];
}

// following returns the policy under which evidence is verified, and what announced
// returns where that is not the given one: where a checkpoint is Bad under that, and
// not with the keys that the file announces.
function following(trust, { checkpoint, records }) {
  const believes = (policy) => new Report().attempt("checkpoint", null, () => void openCheckpoint(policy, checkpoint)) === PASS;
  if (believes(trust)) return [trust];
  const [later, last] = announced(trust, records);
  return last !== undefined && believes(later) ? [later, last] : [trust];
}

// Section 16: anchors. Keccak-256, RLP, and the trie of receipts.

// roundConstants are those of Keccak-f[1600], from the register that defines them.
const roundConstants = [];
for (let round = 0, r = 1; round < 24; round++) {
  let c = 0n;
  for (let j = 0n; j < 7n; j++) {
    if (r & 1) c |= 1n << ((1n << j) - 1n);
    r = (r << 1) ^ (r >> 7 ? 0x171 : 0);
  }
  roundConstants.push(c);
}

// keccak is Keccak-256 as Ethereum has it, whose padding is not that of SHA-3.
function keccak(bytes) {
  const b = new Uint8Array(bytes.length + 136 - (bytes.length % 136));
  b.set(bytes);
  b[bytes.length] = 1;
  b[b.length - 1] |= 0x80;
  const view = new DataView(b.buffer);
  const rot = (x, n) => BigInt.asUintN(64, (x << n) | (x >> (64n - n)));
  let a = new BigUint64Array(25); // lane x, y at x + 5y
  for (let at = 0; at < b.length; at += 136) {
    for (let i = 0; i < 17; i++) a[i] ^= view.getBigUint64(at + 8 * i, true);
    for (const constant of roundConstants) {
      const c = [0, 1, 2, 3, 4].map((x) => a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]);
      for (let i = 0; i < 25; i++) a[i] ^= c[(i + 4) % 5] ^ rot(c[(i + 1) % 5], 1n);
      const moved = new BigUint64Array(25);
      moved[0] = a[0];
      for (let t = 0, x = 1, y = 0; t < 24; t++) {
        const from = x + 5 * y;
        [x, y] = [y, (2 * x + 3 * y) % 5];
        moved[x + 5 * y] = rot(a[from], BigInt((((t + 1) * (t + 2)) / 2) % 64));
      }
      a = moved.map((lane, i) => lane ^ (~moved[i - (i % 5) + ((i + 1) % 5)] & moved[i - (i % 5) + ((i + 2) % 5)]));
      a[0] ^= constant;
    }
  }
  const out = new DataView(new ArrayBuffer(32));
  for (let i = 0; i < 4; i++) out.setBigUint64(8 * i, a[i], true);
  return new Uint8Array(out.buffer);
}

// rlpFirst splits the first item off.
function rlpFirst(b) {
  must(b.length > 0, "RLP is cut off");
  const first = b[0];
  if (first < 0x80) return { list: false, content: b.subarray(0, 1), rest: b.subarray(1) };
  const list = first >= 0xc0;
  let size = first - (list ? 0xc0 : 0x80), rest = b.subarray(1);
  if (size > 55) {
    const n = size - 55;
    must(rest.length >= n, "RLP is cut off");
    const told = toInt(rest.subarray(0, n));
    must(rest[0] > 0 && told > 55n, "RLP is not in its shortest form");
    rest = rest.subarray(n);
    must(told <= BigInt(rest.length), "RLP is cut off");
    size = Number(told);
  }
  must(size <= rest.length, "RLP is cut off");
  const content = rest.subarray(0, size);
  must(list || size !== 1 || content[0] >= 0x80, "RLP is not in its shortest form");
  return { list, content, rest: rest.subarray(size) };
}

function rlpItems({ list, content }) {
  must(list, "bytes stand where a list should");
  const items = [];
  for (let b = content; b.length > 0; ) {
    const item = rlpFirst(b);
    items.push(item);
    b = item.rest;
  }
  return items;
}

function rlpList(b) {
  const item = rlpFirst(b);
  must(item.rest.length === 0, "something follows RLP");
  return rlpItems(item);
}

function rlpBytes({ list, content }, size = content.length) {
  must(!list, "a list stands where bytes should");
  must(content.length === size, `RLP has ${content.length} bytes where ${size} should stand`);
  return content;
}

function rlpNumber(item) {
  const b = rlpBytes(item);
  must(b.length <= 8 && b[0] !== 0, "RLP has no number of 64 bits");
  return b.length ? toInt(b) : 0n;
}

function rlpOfNumber(n) {
  const b = [];
  for (let x = BigInt(n); x > 0n; x >>= 8n) b.unshift(Number(x & 255n));
  return b.length === 1 && b[0] < 0x80 ? b : [0x80 + b.length, ...b];
}

const halfBytes = (b) => [...b].flatMap((c) => [c >> 4, c & 15]);

function trieValue(root, key, nodes) {
  let rest = halfBytes(key);
  for (const [depth, node] of nodes.entries()) {
    must(same(keccak(node), root), `node ${depth} is not the one that the header or the node above it names`);
    const items = rlpList(node);
    let below;
    if (items.length === 17) {
      const ok = items.every(({ list, content: { length } }, i) => !list && (length === 0 || (length === 32 && i < 16)));
      must(ok, `node ${depth} is a branch that no trie of receipts has`);
      must(rest.length > 0, `node ${depth} is a branch where the path should have ended`);
      below = items[rest[0]];
      rest = rest.slice(1);
    } else {
      must(items.length === 2, `node ${depth} has not 2 or 17 items`);
      const path = halfBytes(rlpBytes(items[0]));
      must(path.length > 0 && path[0] <= 3 && (path[0] & 1 || path[1] === 0), `the path of node ${depth} is not encoded as one`);
      const leaf = (path[0] & 2) !== 0, part = path.slice(2 - (path[0] & 1));
      must(leaf || part.length > 0, `node ${depth} is an extension without a path`);
      must(part.every((h, i) => h === rest[i]) && !(leaf && part.length < rest.length), `node ${depth} leads to another receipt`);
      if (leaf) {
        must(depth === nodes.length - 1, "nodes follow the last one");
        return rlpBytes(items[1]);
      }
      below = items[1];
      rest = rest.slice(part.length);
    }
    root = rlpBytes(below, 32);
  }
  throw new Bad("the last node is missing");
}

const anchoredTopic = keccak(utf8("Anchored(address,bytes32,uint64,bytes32,uint64,uint64,bytes32,bytes24)"));

// unhex reads so many bytes as 0x and hexadecimal digits, and returns the digits.
function unhex(v, what, size) {
  must(/^0x[0-9a-f]*$/.test(text(v, what)) && v.length === 2 + 2 * size, `${what} is not in hexadecimal digits of lower case`);
  return v.slice(2);
}

function parseChainProof(item) {
  const o = strict(item, "chain", ["id", "contract", "header", "transaction", "log", "receipt"], ["finality"]);
  const p = {
    id: integer(o.id, "id"), contract: unhex(o.contract, "contract", 20), header: unbase64(o.header, "header"),
    transaction: integer(o.transaction, "transaction"), log: integer(o.log, "log"),
    nodes: array(o.receipt, "receipt", 19).map((n) => unbase64(n, "a node of a receipt")),
  };
  must(p.header.length <= 2048, "header is longer than 2,048 bytes");
  must(p.nodes.length > 0 && p.nodes.every((n) => n.length <= 65536), "receipt has no nodes, or one longer than 65,536 bytes");
  return p;
}

// verifyChainProof returns the block, and who sent it, when the event is of this head.
function verifyChainProof(p, origin, { size, root }) {
  const header = rlpList(p.header);
  must(header.length >= 15, "the header has less than 15 items");
  rlpBytes(header[0], 32);
  const receipts = rlpBytes(header[5], 32), number = rlpNumber(header[8]), time = rlpNumber(header[11]);
  must(number < 1n << 53n && time < 1n << 40n, "the header has a number or a time that no block has");
  let receipt = trieValue(receipts, rlpOfNumber(p.transaction), p.nodes);
  if (receipt[0] <= 0x7f) receipt = receipt.subarray(1);
  const items = rlpList(receipt);
  must(items.length >= 4, "the receipt has less than 4 items");
  must(!items[0].list && items[0].content.length === 1 && items[0].content[0] === 1, "the transaction did not succeed");
  const logs = rlpItems(items[3]);
  must(p.log < logs.length, "the receipt has no such log");
  const log = rlpItems(logs[p.log]);
  must(log.length === 3 && hex(rlpBytes(log[0], 20)) === p.contract, "the log is of another contract");
  const topics = rlpItems(log[1]).map((t) => rlpBytes(t, 32)), data = rlpBytes(log[2]);
  must(topics.length === 4 && data.length === 160 && same(topics[0], anchoredTopic), "the log is no event Anchored");
  const [, by, of, sized] = topics;
  const words = [0, 1, 2, 3, 4].map((i) => data.subarray(32 * i, 32 * i + 32));
  const padding = [by.subarray(0, 12), ...[sized, words[1], words[2]].map((w) => w.subarray(0, 24)), words[4].subarray(24)];
  must(padding.every((b) => b.every((x) => x === 0)), "the event has something else than zeros where its values are padded");
  must(same(of, sha256(utf8(origin))), "the event is of another ledger");
  must(toInt(sized) === size && same(words[0], root), "the event is of another checkpoint");
  return { block: { hash: hex(keccak(p.header)), number: Number(number), time: Number(time) }, by: hex(by.subarray(12)) };
}

function parseChains(v) {
  const chains = array(v, "chains", 16).map((item) => {
    const c = strict(item, "a chain", ["id", "contract", "publishers"], ["name", "testnet", "blocks"]);
    must(!("testnet" in c) || typeof c.testnet === "boolean", "testnet is not a boolean");
    const id = integer(c.id, "id", 1), name = ("name" in c && text(c.name, "name")) || `chain ${id}`;
    const publishers = array(c.publishers, "publishers", 64).map((p) => {
      const o = strict(p, "a publisher", ["address"], ["from", "to"]);
      return { address: unhex(o.address, "address", 20), ...rangeOf(o) };
    });
    const blocks = array("blocks" in c ? c.blocks : [], "blocks", 1024).map((b) => {
      const o = strict(b, "a block", ["number", "hash"], ["time"]);
      const time = "time" in o ? integer(o.time, "time", 1) : undefined;
      must(time === undefined || time < 2 ** 40, "time is not that of a block");
      return { number: integer(o.number, "number"), hash: unhex(o.hash, "hash", 32), time };
    });
    must(publishers.length > 0 && (blocks.length > 0 || !("blocks" in c)), "publishers or blocks is empty");
    const contract = unhex(c.contract, "contract", 20);
    return { id, contract, key: `${id}/${contract}`, publishers, blocks, name: name + (c.testnet ? " (a testnet: an anchor there is for trying things out)" : "") };
  });
  must(chains.length > 0 && new Set(chains.map((c) => c.key)).size === chains.length, "chains is empty, or a contract stands there twice for one");
  return chains;
}

function rangeOf(o, end = "to") {
  const from = "from" in o ? integer(o.from, "from") : 0, to = end in o ? integer(o[end], end, 1) : Infinity;
  must(from <= to, `from is greater than ${end}`);
  return { from, to };
}

// Section 8: the trust policy.

// verifierKey reads a C2SP verifier key; of is its name and its id.
function verifierKey(s, algorithm) {
  const [name, id, ...rest] = text(s, "a key").split("+");
  must(name && !noName.test(name), "a key has no name");
  const b = unbase64(rest.join("+"), "a key", 33);
  must(b[0] === algorithm, `a key is not of type ${algorithm}`);
  must(id.toLowerCase() === hex(sha256(utf8(name + "\n"), b).slice(0, 4)), "the id of a key is another");
  return { name, of: `${name}+${id.toLowerCase()}`, key: b.slice(1) };
}

// parseWitnesses returns keys, quorum and the tolerance in milliseconds.
function parseWitnesses(item) {
  const w = strict(item, "witnesses", ["quorum", "keys"], ["toleranceSeconds"]);
  const keys = array(w.keys, "keys of witnesses", 32).map((s) => ({ ...verifierKey(s, 4), witness: true }));
  const quorum = integer(w.quorum, "quorum", 1), seconds = "toleranceSeconds" in w ? integer(w.toleranceSeconds, "toleranceSeconds", 1) : 300;
  must(quorum <= new Set(keys.map((k) => hex(k.key))).size, "quorum is of more witnesses than there are public keys");
  must(seconds <= 2 ** 31, "toleranceSeconds is greater than 2^31");
  return { keys, quorum, tolerance: 1000 * seconds };
}

function parseTrust(bytes) {
  must(bytes.length <= 1 << 20, "the trust policy is longer than 1 MiB");
  const reserved = ["stamps", "maxAgeSeconds"]; // whose demands this program cannot check
  const v = jsonOf(bytes, "the trust policy");
  const t = strict(v, "the trust policy", ["v", "origin", "genesis", "keys", "vrf"], ["submitters", "witnesses", "chains", ...reserved]);
  must(t.v === "lendlog-trust/1", "v is not lendlog-trust/1");
  const origin = text(t.origin, "origin");
  must(/^[!-*,-~]{1,255}$/.test(origin), "origin is not a name");
  const genesis = unbase64(t.genesis, "genesis", 32), vrf = unbase64(t.vrf, "vrf", 32);
  must(vrf.some((x) => x) && ristrettoDecode(vrf), "vrf is not a key");
  const keys = array(t.keys, "keys").map((item) => {
    const k = strict(item, "a key", ["key"], ["from", "to"]);
    const { name, of, key } = verifierKey(k.key, 1);
    must(name === origin, "the name of a key is not the origin");
    return { of, key, ...rangeOf(k) };
  });
  must(keys.length > 0, "keys is empty");
  const submitters = array("submitters" in t ? t.submitters : [], "submitters").map((item) => {
    const s = strict(item, "a submitter", ["id", "jwk"], ["from", "until"]);
    const { jwk } = s, of = { id: text(s.id, "id"), ...rangeOf(s, "until") };
    const ec = jwk instanceof Map && jwk.get("kty") === "EC";
    const k = strict(jwk, "jwk", ["kty", "crv", "x", ...(ec ? ["y"] : [])], ["kid", "use", "alg", "key_ops"]);
    if (ec) {
      must(k.crv === "P-256", "the curve is unknown");
      const key = [...[k.x, k.y].map((c) => toInt(unbase64url(c, "a coordinate", 32))), 1n];
      must(onP256(key), "the key is not on P-256");
      return { ...of, alg: "ES256", key };
    }
    must(k.kty === "OKP" && k.crv === "Ed25519", "the key is neither Ed25519 nor P-256");
    return { ...of, alg: "EdDSA", key: unbase64url(k.x, "x", 32) };
  });
  const witnesses = v.has("witnesses") ? parseWitnesses(t.witnesses) : undefined;
  const chains = v.has("chains") ? parseChains(t.chains) : undefined, tolerance = witnesses?.tolerance ?? 300_000;
  return { origin, genesis, vrf, keys, submitters, witnesses, chains, tolerance, reserved: reserved.filter((name) => v.has(name)) };
}

// Section 11: the submitter's signature.

// rebuild returns the event of sealed values by pointer; absent ones are undefined or not there.
function rebuild(type, time, values, open) {
  const event = new Map([["specversion", "1.0"], ["type", type], ["time", time], ...(values.get("/extensions") ?? [])]);
  const data = new Map(open);
  for (const [pointer, v] of values) {
    if (v === undefined || pointer === "/extensions") continue;
    if (pointer.startsWith("/data/")) data.set(pointer.slice(6), v);
    else if (attributes.includes(pointer)) event.set(pointer.slice(1), v);
  }
  return event.set("data", data);
}

// checkSignature returns who signed, in words, when a key of the submitter that may signed the event of that record.
function checkSignature(trust, index, submitter, event) {
  const keys = trust.submitters.filter((k) => k.id === submitter);
  if (!keys.length) throw new Missing(`the policy lists no key of submitter ${submitter}`);
  if (!event.has("signature")) throw new Missing("the event bears no signature of its submitter");
  const [head, middle, tail, ...rest] = event.get("signature").split(".");
  must(middle === "" && tail !== undefined && !rest.length, "the signature is not a detached JWS");
  const sig = unbase64url(tail, "the signature", 64);
  const header = strict(jsonOf(unbase64url(head, "the header of the signature"), "the header of the signature"), "the header", ["alg", "kid", "origin"]);
  must(header.kid === submitter, "the signature is of another submitter");
  must(header.origin === trust.origin, "the signature is for another ledger");
  const payload = new Map(event);
  payload.delete("signature");
  const payload64 = to64(utf8(canonical(payload))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const input = utf8(`${head}.${payload64}`);
  const signed = keys.some((k) => k.from <= index && index <= k.to && k.alg === header.alg && { EdDSA: ed25519, ES256: es256 }[k.alg](k.key, input, sig));
  must(signed, "the signature is wrong, or of none of the submitter's keys that may sign this record");
  return `signed by ${submitter}`;
}

// Section 10: verdicts.

const PASS = "pass", FAIL = "fail", MISSING = "missing", NOTE = "note";

// A Report is a list of checks, and what the records say whose every check passed.
class Report {
  checks = [];
  said = [];
  count = { [PASS]: 0, [FAIL]: 0, [MISSING]: 0, [NOTE]: 0 };

  add(name, record, result, text) {
    this.checks.push({ name, ...(record === null ? {} : { record }), result, text });
    this.count[result]++;
  }

  // attempt makes a check and returns its result; check returns what it found in words, undefined for nothing to say.
  attempt(name, record, check) {
    let result = PASS, found;
    try {
      found = check();
    } catch (e) {
      if (!(e instanceof Bad || e instanceof Missing)) throw e;
      [result, found] = [e instanceof Bad ? FAIL : MISSING, e.message];
    }
    if (found !== undefined) this.add(name, record, result, found);
    return result;
  }

  say(record, what, value) {
    this.said.push({ record, what, ...(value === undefined ? {} : { value: JSON.parse(canonical(value)) }) });
  }

  sayEntry(index, leaf) {
    for (const name of ["type", "time", "submitter", "recorded", "capture"]) if (name in leaf) this.say(index, name, leaf[name]);
    for (const [name, v] of leaf.open) this.say(index, `/data/${name}`, v);
  }

  json() {
    const incomplete = this.count[MISSING] || !this.count[PASS];
    const verdict = this.count[FAIL] ? "INVALID" : incomplete ? "INCOMPLETE" : "VALID";
    return { verdict, checks: this.checks, shown: this.count[FAIL] ? [] : this.said };
  }
}

const many = 100; // failed checks after which a verifier looks no further

const proofOf = (v) => array(v, "proof", 63).map((h) => unbase64(h, "a hash of a proof", 32));

function parseEvidence(o) {
  const members = ["v", "checkpoint", "genesis", "schemas", "records"];
  for (const name of members) must(o.has(name), `the evidence lacks ${name}`);
  const genesis = strict(o.get("genesis"), "genesis", ["entry", "proof"]);
  const file = {
    checkpoint: text(o.get("checkpoint"), "checkpoint"),
    genesis: { entry: utf8(text(genesis.entry, "entry")), proof: proofOf(genesis.proof) },
    schemas: array(o.get("schemas"), "schemas").map((s) => utf8(text(s, "a schema"))),
    records: array(o.get("records"), "records").map((r) => parseRecord(r)),
    claims: [],
    witnesses: [],
    anchors: [],
    unknown: [...o.keys()].filter((name) => ![...members, "completeness", "witnesses", "anchors"].includes(name)),
  };
  must(file.records.length > 0, "the evidence has no record");
  if (o.has("completeness")) {
    file.claims = array(o.get("completeness"), "completeness", 1024).map((item) => {
      const c = strict(item, "a claim of completeness", ["subject", "proof", "map"]);
      const map = unbase64(c.map, "map");
      must(map.length <= 16384, "map is longer than 16 KiB");
      return { subject: text(c.subject, "subject"), proof: unbase64(c.proof, "proof", 80), map };
    });
    must(file.claims.length > 0, "completeness is empty");
  }
  if (o.has("anchors")) file.anchors = parseAnchors(o.get("anchors"));
  if (o.has("witnesses")) {
    file.witnesses = array(o.get("witnesses"), "witnesses", 2048).map((item) => {
      const w = strict(item, "a checkpoint under witnesses", ["checkpoint", "proof"]);
      return { checkpoint: text(w.checkpoint, "checkpoint"), proof: proofOf(w.proof) };
    });
    must(file.witnesses.length > 0, "witnesses is empty");
  }
  return file;
}

function parseAnchors(v) {
  const anchors = array(v, "anchors", 2048).map((item) => {
    const a = strict(item, "an anchor", ["checkpoint", "proof"], ["chain", "stamp"]);
    must("chain" in a !== "stamp" in a, "an anchor has not either chain or stamp");
    must(!("stamp" in a) || unbase64(a.stamp, "stamp").length <= 65536, "stamp is longer than 65,536 bytes");
    return { checkpoint: text(a.checkpoint, "checkpoint"), proof: proofOf(a.proof), chain: "chain" in a ? parseChainProof(a.chain) : undefined };
  });
  must(anchors.length > 0, "anchors is empty");
  return anchors;
}

// parseRecord parses a record with a proof of its own, or one that must not have one: then proof is null.
function parseRecord(item, proved = true) {
  const r = strict(item, "a record", ["index", "entry", ...(proved ? ["proof"] : []), "disclosures"], ["subject"]);
  const out = { index: integer(r.index, "index"), entry: utf8(text(r.entry, "entry")), proof: proved ? proofOf(r.proof) : null };
  out.disclosures = array(r.disclosures, "disclosures").map((item) => {
    const d = strict(item, "a disclosure", ["disclosure", "proof"]);
    return { bytes: utf8(text(d.disclosure, "disclosure")), proof: proofOf(d.proof) };
  });
  if ("subject" in r) {
    const s = strict(r.subject, "subject", ["subject", "proof"]);
    out.subject = { name: text(s.subject, "subject"), proof: unbase64(s.proof, "proof", 80) };
  }
  return out;
}

// checkCheckpoint returns the head, or undefined.
function checkCheckpoint(report, trust, note) {
  let at;
  report.attempt("checkpoint", null, () => {
    at = openCheckpoint(trust, note);
    return `${trust.origin} at ${at.size} records, signed by a trusted key`;
  });
  return at;
}

// checkCosigned says whether a quorum cosigned one of these heads.
function checkCosigned(report, { witnesses: { quorum } }, heads) {
  const result = report.attempt("witnesses", null, () => {
    const n = heads.reduce((most, h) => Math.max(most, h.times.length), 0);
    if (n < quorum) throw new Missing(`${n} of the ${quorum} witnesses that the policy asks for have cosigned the tree; ask for it again once they have`);
    return `${n} witnesses of the policy cosigned the tree, and ${quorum} are asked for`;
  });
  return result === PASS;
}

const written = (seconds) => new Date(1000 * seconds).toISOString();

function checkDatedForward({ tolerance }, recorded, before) {
  if (Date.parse(recorded) <= 1000 * before + tolerance) return;
  throw new Bad(`it says that it was recorded at ${recorded}, but the ledger was cosigned or anchored with it by ${written(before)}: it was dated forward`);
}

// checkEntry returns the leaf, or undefined. Where proof is null, that it is included shows elsewhere.
function checkEntry(report, index, entry, { size, root }, proof, ofReceipt = false) {
  let leaf;
  const read = report.attempt("entry", index, () => {
    leaf = parseLeaf(entry);
    if (leaf.type === indexRootType) {
      must(!ofReceipt, "a receipt is of a record, not of an index-root");
      must(leaf.covers === index, `the index-root covers ${leaf.covers} leaves but stands at ${index}`);
    }
    must((leaf.refs ?? []).every((i) => i < index), "it follows from a record that does not lie before it");
    return "its bytes are a leaf of format lendlog/1";
  });
  if (read !== PASS) return undefined;
  if (proof === null) return leaf;
  const result = report.attempt("inclusion", index, () => {
    must(index < size, `the checkpoint covers ${size} records only`);
    if (!proof && size > 1n) throw new Missing("the receipt holds no inclusion proof; ask the ledger for it");
    must(included(leafHash(entry), index, size, proof ?? [], root), "the inclusion proof does not lead from the leaf to the root");
    return `leaf ${index} of ${size}`;
  });
  return result === FAIL ? undefined : leaf;
}

// readSchema returns a schema, or why it cannot be read, which counts only where a record needs it.
function readSchema(bytes) {
  try {
    return parseSchema(bytes);
  } catch (e) {
    if (e instanceof Bad) return e;
    throw e;
  }
}

// A Records verifies the records of a file of evidence whose checkpoint is believed.
class Records {
  claimed = new Map(); // by term in hex: claims of completeness
  leaves = new Map(); // by index: of the records that are under the checkpoint
  proved = new Map(); // terms by VRF proof and subject: many records may have the same

  constructor(report, trust, file, at) {
    Object.assign(this, { report, trust, file, at });
    this.heads = [at]; // and those under witnesses that go with it
    this.blocks = []; // with anchors, of chains of the policy
    this.schemas = new Map(file.schemas.map((b) => [hex(sha256(b)), readSchema(b)]));
  }

  verify(receipts) {
    const { report, trust, file } = this;
    report.attempt("genesis", null, () => this.genesis());
    for (const w of file.witnesses) report.attempt("witnesses", null, () => this.witnessed(w));
    if (trust.witnesses) checkCosigned(report, trust, this.heads.filter((h) => h.size >= this.at.size));
    for (const a of file.anchors) report.attempt("anchors", null, () => this.anchor(a));
    for (const c of file.claims) report.attempt("subject", null, () => this.claim(c));
    for (const r of file.records) {
      this.record(r);
      if (report.count[FAIL] > many) {
        report.add("format", null, MISSING, "so much failed that the rest was not looked at");
        return;
      }
    }
    this.entries = [...this.leaves].sort(([i], [j]) => i - j).filter(([, e]) => e.type !== indexRootType);
    this.chains();
    if (trust.witnesses) this.times(trust.witnesses);
    if (trust.chains) {
      for (const [i, leaf] of this.leaves) {
        if (leaf.type === keyChangedType) continue;
        report.attempt("anchors", i, () => this.anchored(i));
        if (leaf.type !== indexRootType) report.attempt("time", i, () => this.anchoredAfter(i, leaf.recorded));
      }
      this.observations();
    }
    for (const c of this.claimed.values()) {
      c.holds = report.attempt("complete", null, () => this.completeness(c)) === PASS;
      if (c.holds) report.add("complete", null, NOTE, "that the map itself is right is shown by whoever replays the log");
    }
    for (const rc of receipts) report.attempt("receipt", rc.index, () => this.against(rc));
  }

  termOf(subject, proof) {
    const key = hex(proof) + subject;
    if (!this.proved.has(key)) this.proved.set(key, hex(termOf(this.trust.vrf, subject, proof)));
    return this.proved.get(key);
  }

  genesis() {
    const { trust, at, file: { genesis: { entry, proof } } } = this;
    const h = leafHash(entry);
    must(same(h, trust.genesis), "the ledger begins with another record than the policy pins: it is another ledger");
    must(included(h, 0, at.size, proof, at.root), "the genesis record is not the first under this checkpoint");
    const { type, open } = parseLeaf(entry);
    const ok = type === "org.lendlog.genesis.v1" && open.get("origin") === trust.origin && open.get("vrfKey") === to64(trust.vrf);
    must(ok, "the first record is not a genesis record with the origin and the VRF key of the policy");
    return "the ledger is the one that the policy pins";
  }

  // connected returns the head of another checkpoint of the file.
  connected({ checkpoint, proof }) {
    const h = openCheckpoint(this.trust, checkpoint);
    const [old, later] = h.size < this.at.size ? [h, this.at] : [this.at, h];
    must(consistent(old, later, proof), `the ledger signed a tree of ${old.size} records and one of ${later.size}, and the file does not show that the larger continues the smaller`);
    return h;
  }

  witnessed(item) {
    this.heads.push(this.connected(item));
  }

  // anchor verifies an anchor, and keeps it where it is on a chain of the policy.
  anchor(item) {
    const h = this.connected(item);
    if (!item.chain) return;
    const { block, by } = verifyChainProof(item.chain, this.trust.origin, h);
    const c = this.trust.chains?.find((o) => o.id === item.chain.id && o.contract === item.chain.contract);
    if (!c?.publishers.some((p) => p.address === by && p.from <= h.size && h.size <= p.to)) return;
    const known = c.blocks.filter((b) => b.number === block.number), confirmed = known.some((b) => b.hash === block.hash);
    must(confirmed || known.length === 0, `it is said to be in block ${block.number} of ${c.name} with the hash 0x${block.hash}, and the policy knows another block at this height`);
    this.blocks.push({ size: h.size, block, confirmed, chain: c });
  }

  // blockWith returns the earliest confirmed block with a checkpoint that covers a leaf, else an unconfirmed one, if any.
  blockWith(index) {
    const first = (list) => list.reduce((a, b) => (a && a.block.time <= b.block.time ? a : b), undefined);
    const covering = this.blocks.filter((b) => b.size > index);
    return first(covering.filter((b) => b.confirmed)) ?? first(covering);
  }

  anchored(index) {
    const found = this.blockWith(index);
    if (!found) throw new Missing("no checkpoint with it was anchored, on a chain and by a publisher that the policy names, so far as the file shows; ask for evidence once one is");
    const { block, confirmed, chain } = found;
    if (confirmed) return `anchored on ${chain.name} in block ${block.number}, 0x${block.hash}`;
    throw new Missing(`it is anchored in block ${block.number} of ${chain.name}, which is not confirmed: look up whether the chain has, and finally, the block with the hash 0x${block.hash}, and name it in the trust file`);
  }

  anchoredAfter(index, recorded) {
    const found = this.blockWith(index);
    if (!found?.confirmed) return undefined;
    const { time } = found.block;
    if (Date.parse(recorded) <= 1000 * time + this.trust.tolerance) return `it was there by ${written(time)}, by its anchors`;
    throw new Bad(`it says that it was recorded at ${recorded}, but it was anchored by ${written(time)}: it was dated forward`);
  }

  claim({ subject, proof, map }) {
    const term = this.termOf(subject, proof);
    must(!this.claimed.has(term), `completeness of ${subject} is claimed twice`);
    this.claimed.set(term, { term, subject, map });
  }

  record(r) {
    const { report, trust } = this;
    const leaf = checkEntry(report, r.index, r.entry, this.at, r.proof);
    if (!leaf) return;
    leaf.hash = leafHash(r.entry);
    if (leaf.type === indexRootType) {
      if (r.disclosures.length || r.subject) {
        report.add("disclosure", r.index, FAIL, "an index-root has nothing to disclose");
        return;
      }
      this.leaves.set(r.index, leaf);
      report.say(r.index, "type", leaf.type);
      report.say(r.index, "covers", leaf.covers);
      return;
    }
    leaf.term = hex(leaf.term);
    this.leaves.set(r.index, leaf);
    let shown = { values: new Map() };
    if (r.disclosures.length) shown = this.disclosures(r, leaf);
    else report.add("disclosure", r.index, NOTE, "nothing is disclosed; its sealed members stay committed");
    // Whose record it is shows without them too.
    const subject = report.attempt("subject", r.index, () => this.subject(r, leaf, shown?.values));
    if (subject === FAIL || !shown) return;
    if (trust.submitters.length && leaf.type !== observedType && leaf.type !== keyChangedType) report.attempt("submitter", r.index, () => this.submitter(r.index, leaf, shown));
    report.sayEntry(r.index, leaf);
    for (const [pointer, v] of shown.values) report.say(r.index, pointer, v);
  }

  // disclosures returns the values by pointer and the schema, or undefined when they could not be verified.
  disclosures(r, leaf) {
    const values = new Map(), restricted = leaf.type === restrictedType;
    let schema;
    const canonicalOnce = () => {
      for (const { bytes } of r.disclosures) {
        const [pointer, v] = parseDisclosure(bytes);
        must(!values.has(pointer), `${pointer} is disclosed twice`);
        values.set(pointer, v);
      }
      const ok = !restricted || !values.has("/type") || rightKind("/type", values.get("/type"));
      must(ok, "/type is not a name and the hash of a schema");
    };
    const findSchema = () => {
      let name = leaf.type, h = leaf.schema;
      if (restricted) {
        if (!values.has("/type")) throw new Missing("the members of a restricted record are verified together with /type; ask for evidence that discloses it");
        name = values.get("/type").get("name");
        h = from64(values.get("/type").get("schema"));
      }
      schema = this.schemas.get(hex(h));
      if (!schema) throw new Missing(`the file lacks the schema ${to64(h)}, so the disclosures cannot be placed`);
      if (schema instanceof Bad) throw new Missing(`the schema cannot be read, so the disclosures cannot be placed: ${schema.message}`);
      must(schema.type === name && schema.restricted === restricted, `the schema is of ${schema.type}, which does not go with the entry`);
      const opened = [...leaf.open.keys()].every((name) => schema.opens.has(name));
      must(opened, "the entry shows a member of data that the schema does not open");
      return `${schema.type}, by its hash`;
    };
    const committed = () => {
      const size = BigInt(schema.pointers.length);
      [...values].forEach(([pointer, v], i) => {
        const place = schema.pointers.indexOf(pointer), { bytes, proof } = r.disclosures[i];
        must(place >= 0, `${pointer} is no sealed member of ${schema.type}`);
        must(included(leafHash(bytes), place, size, proof, leaf.sealed), `${pointer} is not what the entry committed to`);
        must(rightKind(pointer, v), `${pointer} has a value of the wrong type, or none`);
      });
      return `${values.size} of ${size} sealed members are shown, each as committed`;
    };
    const steps = [["disclosure", canonicalOnce], ["schema", findSchema], ["disclosure", committed]];
    return steps.every(([name, check]) => this.report.attempt(name, r.index, check) === PASS) ? { values, schema } : undefined;
  }

  subject(r, leaf, values) {
    const shown = values?.get("/subject"), claim = this.claimed.get(leaf.term);
    const name = r.subject?.name ?? claim?.subject;
    if (name === undefined) {
      if (shown !== undefined) throw new Missing("its subject is disclosed, but the file lacks the proof that the record is of it");
      return undefined;
    }
    must(shown === undefined || shown === name, "the disclosed subject is not the one whose chain the record stands in");
    const ok = !r.subject || this.termOf(name, r.subject.proof) === leaf.term;
    must(ok, "it is not a record of the subject that is claimed");
    return `record ${leaf.seq} of ${name}`;
  }

  submitter(index, leaf, { values, schema }) {
    if (!schema || values.size < schema.pointers.length) {
      throw new Missing("the submitter's signature covers the whole event: ask for evidence that discloses all members");
    }
    let { time, submitter } = leaf;
    if (leaf.type === restrictedType) [time, submitter] = [values.get("/time"), values.get("/submitter")];
    return checkSignature(this.trust, index, submitter, rebuild(schema.type, time, values, leaf.open));
  }

  // chains holds the records against each other: that time does not run back, and that those of one term are a chain.
  chains() {
    const { report, entries } = this, at = new Map(), last = new Map();
    entries.forEach(([i, e], n) => {
      if (n > 0 && e.recorded < entries[n - 1][1].recorded) report.add("time", i, FAIL, "it was recorded before a record that lies before it");
      const before = last.get(e.term);
      if (before >= e.seq) report.add("chain", i, FAIL, `it is number ${e.seq} of its subject, and a record that lies before it is number ${before}`);
      last.set(e.term, e.seq);
      at.set(e.term + e.seq, i);
    });
    for (const [i, e] of entries) {
      const before = at.get(e.term + (e.seq - 1));
      if (before === undefined) continue;
      if (same(e.prev, this.leaves.get(before).hash)) report.add("chain", i, PASS, `the subject's next record after record ${before}`);
      else report.add("chain", i, FAIL, `it does not follow from record ${before}, the one before`);
    }
    this.byTerm = new Map();
    for (const [i, e] of entries) {
      if (!this.byTerm.has(e.term)) this.byTerm.set(e.term, []);
      this.byTerm.get(e.term).push([i, e]);
    }
  }

  // times holds when records were recorded against when witnesses cosigned the trees before and after them.
  times({ quorum, tolerance }) {
    const heads = this.heads.filter((h) => h.times.length >= quorum).sort((a, b) => (a.size < b.size ? -1 : a.size > b.size ? 1 : 0));
    const earliest = [Infinity]; // times of the heads from each one on
    for (const h of [...heads].reverse()) earliest.unshift(Math.min(earliest[0], h.times[quorum - 1]));
    let passed = 0, after = -Infinity; // heads without the record, and the latest of their times
    for (const [i, { type, recorded }] of this.entries) {
      if (type === keyChangedType) continue;
      for (; passed < heads.length && heads[passed].size <= i; passed++) after = Math.max(after, heads[passed].times.at(-quorum));
      const before = earliest[passed];
      this.report.attempt("time", i, () => {
        if (Date.parse(recorded) < 1000 * after - tolerance) throw new Bad(`it says that it was recorded at ${recorded}, but witnesses cosigned the ledger without it at ${written(after)}: it was dated back`);
        checkDatedForward(this.trust, recorded, before);
        if (before === Infinity) throw new Missing("the file has no checkpoint with the record that witnesses cosigned, which would show when it was there; ask for evidence once there is one");
        if (after === -Infinity) throw new Missing("the file has no checkpoint before the record that witnesses cosigned, which would show when it was not there yet; ask for evidence with one");
        return `recorded between ${written(after)} and ${written(before)}, by the witnesses' clocks`;
      });
    }
  }

  // observations holds when records were recorded against the blocks that records before them name.
  observations() {
    const { report, trust } = this;
    let latest;
    for (const [i, e] of this.entries) {
      if (e.type === observedType) {
        let found;
        report.attempt("time", i, () => void (found = this.observed(e.open)));
        if (found) latest = Math.max(latest ?? 0, found);
      }
      if (latest === undefined) continue;
      if (Date.parse(e.recorded) >= 1000 * latest - trust.tolerance) report.add("time", i, PASS, `it was recorded after a block of ${written(latest)}`);
      else report.add("time", i, FAIL, `it says that it was recorded at ${e.recorded}, but names, or lies behind a record that names, a block of ${written(latest)}: it was dated back`);
    }
  }

  // observed returns the time of the block that a record names, if the policy has both.
  observed(said) {
    const id = said.get("chain"), number = said.get("block"), hash = said.get("blockHash");
    if (!/^0x[0-9a-f]{64}$/.test(typeof hash === "string" ? hash : "")) return undefined;
    const known = this.trust.chains.filter((c) => c.id === id).flatMap((c) => c.blocks).filter((b) => b.number === number);
    const same = known.find((b) => b.hash === hash.slice(2));
    must(same || known.length === 0, `it names block ${number} of chain ${id} with the hash ${hash}, and the policy knows another block at this height`);
    return same?.time;
  }

  completeness({ term, subject, map }) {
    const last = this.leaves.get(Number(this.at.size - 1n));
    if (last?.type !== indexRootType) throw new Missing("the last leaf under the checkpoint is not an index-root that is in the file; ask for evidence with it");
    const mine = this.byTerm.get(term) ?? [];
    // That each follows from the one before, chains has verified.
    mine.forEach(([i, e], n) => must(e.seq === n + 1, `record ${i} is number ${e.seq} of ${subject}, and number ${n + 1} is not in the file`));
    const count = new DataView(new ArrayBuffer(8));
    count.setBigUint64(0, BigInt(mine.length));
    const value = mine.length ? join(new Uint8Array(count.buffer), mine.at(-1)[1].hash) : undefined;
    const key = Uint8Array.from(term.match(/../g), (x) => parseInt(x, 16));
    try {
      mapProves(last.root, key, value, map);
    } catch (e) {
      if (e instanceof Bad) throw new Bad(`the map of all subjects does not show that ${subject} has exactly these ${mine.length} records: ${e.message}`);
      throw e;
    }
    return `these are all ${mine.length} records of ${subject} among the ${this.at.size} under the checkpoint`;
  }

  // against holds a receipt against the file.
  against(rc) {
    const own = new Report();
    verifyReceipt(own, this.trust, rc);
    const failed = own.checks.find((c) => c.result === FAIL);
    must(!failed, `the receipt itself does not verify: ${failed?.text}`);
    const { size, root } = openCheckpoint(this.trust, rc.checkpoint), leaf = parseLeaf(rc.entry);
    if (!rc.proof && size > 1n) throw new Missing("the receipt holds no inclusion proof, so it accuses nobody");
    must(size !== this.at.size || same(root, this.at.root), `the ledger signed two trees of ${size} records: it was forked; keep both files`);
    const here = this.leaves.get(rc.index);
    if (here) {
      must(same(here.hash, leafHash(rc.entry)), "the ledger gave a receipt for another record at this place: it was forked; keep both files");
      return "the record that the receipt is of is in the file";
    }
    if (rc.index >= this.at.size - 1n) throw new Missing("the receipt is of a record that came after what the file covers");
    const claim = this.claimed.get(hex(leaf.term));
    if (!claim?.holds) throw new Missing("the file does not show all records of the receipt's subject, so that this one is not in it accuses nobody");
    throw new Bad(`the ledger gave a receipt for number ${leaf.seq} of ${claim.subject} and leaves it out here: fraud; keep both files`);
  }
}

function verifyEvidence(report, trust, o, receipts) {
  let file;
  if (report.attempt("format", null, () => void (file = parseEvidence(o))) !== PASS) return;
  const [policy, announcing] = following(trust, file);
  const at = checkCheckpoint(report, policy, file.checkpoint);
  if (announcing !== undefined) report.add("checkpoint", null, MISSING, `it is signed with a key that the trust file does not name; record ${announcing} announces that key, under one that it names: get the ledger's new trust file from where you got yours`);
  if (at) new Records(report, policy, file, at).verify(receipts);
  for (const name of file.unknown) report.add("sections", null, MISSING, `the file has a section ${name} that is not known; use a newer program`);
}

// Section 9: receipts.

function parseReceipt(o) {
  const r = strict(o, "the receipt", ["v", "index", "entry", "seeds", "checkpoint"], ["proof", "restricted"]);
  must(r.v === "lendlog-receipt/1", "v is not lendlog-receipt/1");
  must(r.seeds instanceof Map, "seeds is not an object");
  const out = {
    index: integer(r.index, "index"),
    entry: utf8(text(r.entry, "entry")),
    seeds: new Map([...r.seeds].map(([group, seed]) => [group, unbase64(seed, "a seed", 32)])),
    proof: "proof" in r ? proofOf(r.proof) : undefined,
    checkpoint: text(r.checkpoint, "checkpoint"),
  };
  if ("restricted" in r) {
    const { submitter, refs } = strict(r.restricted, "restricted", ["submitter", "refs"]);
    array(refs, "refs").forEach((i) => integer(i, "a ref"));
    out.restricted = { submitter: text(submitter, "submitter"), refs };
  }
  return out;
}

// parseEvent takes an event apart as section 3 has it. It is not checked against its schema.
function parseEvent(bytes, schema) {
  const e = jsonOf(bytes, "the event");
  must(e instanceof Map, "the event is not an object");
  for (const [name, v] of e) if (v === null) e.delete(name);
  const take = (name) => {
    const v = e.get(name);
    e.delete(name);
    return v;
  };
  must(take("specversion") === "1.0", "specversion is not 1.0");
  must(take("type") === schema.type, "the schema is of another type than the event");
  const time = text(take("time"), "time"), data = take("data");
  must(isTime(time), "time is not RFC 3339");
  must(data instanceof Map && !e.has("data_base64"), "data is not an object");
  const values = new Map(), open = new Map();
  for (const pointer of attributes) {
    const name = pointer.slice(1);
    if (e.has(name) && pointer !== "/extensions") values.set(pointer, text(take(name), pointer));
  }
  for (const pointer of ["/id", "/source", "/subject"]) must(values.has(pointer), `the event lacks ${pointer}`);
  if (e.size) values.set("/extensions", e);
  for (const [name, v] of data) {
    must(v !== null, `/data/${name} is null`);
    must(schema.opens.has(name) || schema.groups.has(`/data/${name}`), `the type has no member ${name}`);
    if (schema.opens.has(name)) open.set(name, v);
    else values.set(`/data/${name}`, v);
  }
  return { schema, time, values, open, imported: e.get("capture") === "import" };
}

// matchEvent holds an entry against the event that was submitted (section 9).
function matchEvent({ schema, time, values, open, imported }, rc, leaf) {
  values = new Map(values);
  if (schema.restricted) {
    must(leaf.type === restrictedType, "a restricted record was written openly");
    if (!rc.restricted) throw new Missing("the receipt of a restricted record lacks its member restricted");
    values.set("/submitter", rc.restricted.submitter).set("/time", time);
    values.set("/type", new Map([["name", schema.type], ["schema", to64(schema.hash)]]));
    if (rc.restricted.refs.length) values.set("/refs", rc.restricted.refs);
  } else {
    must(leaf.type === schema.type && leaf.time === time, "its type or time is not the event's");
    must(canonical(leaf.open) === canonical(open), "its open members are not the event's");
    if (!same(leaf.schema, schema.hash)) throw new Missing(`it was validated with the schema ${to64(leaf.schema)}; give that one with --schema`);
  }
  must((leaf.capture === "import") === imported, `it was captured as ${leaf.capture}, but not submitted so`);
  const groups = new Set(schema.groups.values());
  if (![...groups].every((g) => rc.seeds.has(g))) throw new Missing("the receipt lacks the seed of a key group");
  must(groups.size === rc.seeds.size, "the receipt has a seed of a key group that the type does not have");
  const hashes = schema.pointers.map((pointer) => {
    const salt = to64(sha256(rc.seeds.get(schema.groups.get(pointer)), utf8(pointer)).slice(0, 16));
    return leafHash(utf8(canonical([salt, pointer, ...(values.has(pointer) ? [values.get(pointer)] : [])])));
  });
  must(same(merkleRoot(hashes), leaf.sealed), "its sealed members are not the event's");
  return "the record is exactly the event that was submitted: every digest was recomputed";
}

function verifyReceipt(report, trust, rc, event) {
  const at = checkCheckpoint(report, trust, rc.checkpoint);
  const cosigned = at && trust.witnesses && checkCosigned(report, trust, [at]);
  const leaf = at && checkEntry(report, rc.index, rc.entry, at, rc.proof, true);
  if (!leaf) return;
  if (trust.chains) report.add("anchors", rc.index, MISSING, "the policy asks for anchors, which a receipt has none of: ask for evidence of the record");
  if (cosigned) { // a receipt shows no tree before
    const before = at.times[trust.witnesses.quorum - 1];
    if (report.attempt("time", rc.index, () => checkDatedForward(trust, leaf.recorded, before)) === PASS) {
      report.add("time", rc.index, NOTE, `witnesses cosigned the ledger with it by ${written(before)}; that it was not there long before shows evidence`);
    }
  }
  const restricted = leaf.type === restrictedType, demanded = trust.submitters.length > 0;
  if (rc.restricted && !restricted) {
    report.add("format", rc.index, FAIL, "the receipt of an open record has the member restricted");
    return;
  }
  if (!event) {
    report.add("event", rc.index, NOTE, "no event was given, so the receipt was not held against what was submitted");
    if (demanded) report.add("submitter", rc.index, MISSING, "the submitter's signature stands in the event: give it too");
  } else if (report.attempt("event", rc.index, () => matchEvent(event, rc, leaf)) !== PASS) {
    return;
  } else if (demanded) {
    const submitter = restricted ? rc.restricted.submitter : leaf.submitter;
    const whole = rebuild(event.schema.type, event.time, event.values, event.open);
    report.attempt("submitter", rc.index, () => checkSignature(trust, rc.index, submitter, whole));
  }
  report.sayEntry(rc.index, leaf);
}

// Section 13: bundles.

const maxLine = 4 << 20;
const maxShownLines = 1000;
const maxShown = 64 << 20; // bytes, as footprint counts them
const bundleBegin = utf8('{"v":"lendlog-bundle/');

// isBundle reports whether a file begins as a bundle does.
export const isBundle = (b) => same(b.subarray(0, bundleBegin.length), bundleBegin);

function parseBundleHead(o) {
  const h = strict(o, "the first line", ["v", "checkpoint", "genesis"], ["period", "sample", "query", "anchors"]);
  must(h.v === "lendlog-bundle/1", "v is not lendlog-bundle/1");
  const genesis = strict(h.genesis, "genesis", ["entry", "proof"]);
  const out = { checkpoint: text(h.checkpoint, "checkpoint"), genesis: { entry: utf8(text(genesis.entry, "entry")), proof: proofOf(genesis.proof) }, anchors: "anchors" in h ? parseAnchors(h.anchors) : [] };
  must(["period", "sample", "query"].filter((name) => name in h).length === 1, "the first line has not exactly one of period, sample and query");
  const range = ({ start, end }, what) => must(integer(start, "start") < integer(end, "end"), `${what} ends before it begins`);
  if ("period" in h) {
    const p = (out.period = strict(h.period, "period", ["start", "end", "before", "after"], ["from", "to"]));
    range(p, "period");
    for (const name of ["from", "to"]) must(!(name in p) || (isRecorded(text(p[name], name)) && p[name] !== "0001-01-01T00:00:00.000Z"), `${name} is not a time of the ledger`);
    must(p.from === undefined || p.to === undefined || p.from < p.to, "period ends before it begins");
    must(p.from !== undefined || p.start === 0, "start is not 0, but the period has no from");
    [p.before, p.after] = [proofOf(p.before), proofOf(p.after)];
    must(BigInt(p.start).toString(2).replaceAll("0", "").length === p.before.length, "a tree of so many leaves does not fall into the subtrees of before");
  } else if ("sample" in h) {
    const s = (out.sample = strict(h.sample, "sample", ["seed", "count", "start", "end"]));
    range(s, "sample");
    const { length } = utf8(text(s.seed, "seed"));
    must(length >= 1 && length <= 1024, "seed is not of 1 to 1,024 bytes");
    must(integer(s.count, "count", 1) <= 10000, "count is not 1 to 10,000");
  } else {
    text(strict(h.query, "query", ["filter"]).filter, "filter");
  }
  return out;
}

// draw returns the indexes of a sample, in their order. checkpoint is the text of the checkpoint.
function draw({ seed, count, start, end }, checkpoint) {
  const n = BigInt(end - start);
  if (BigInt(count) >= n) return Array.from({ length: end - start }, (_, i) => start + i);
  const parts = ["lendlog/sample", seed, checkpoint].map(utf8).flatMap((b) => [[b.length >> 8, b.length & 255], b]);
  const prefix = join(...parts), limit = (1n << 64n) - ((1n << 64n) % n), drawn = new Set();
  for (let k = 0n; drawn.size < count; k++) {
    const be64 = new DataView(new ArrayBuffer(8));
    be64.setBigUint64(0, k);
    const x = toInt(sha256(prefix, new Uint8Array(be64.buffer)).slice(0, 8));
    if (x < limit) drawn.add(start + Number(x % n));
  }
  return [...drawn].sort((a, b) => a - b);
}

// footprint is about how many bytes a value takes.
function footprint(v) {
  if (typeof v === "string") return 96 + utf8(v).length;
  if (typeof v !== "object" || v === null) return 96;
  return Object.entries(v).reduce((n, [name, x]) => n + (Array.isArray(v) ? 0 : utf8(name).length) + footprint(x), 96);
}

// A BundleVerifier verifies a bundle as its bytes come, in memory that does not
// grow with it. Once over is true nothing more needs to be read.
//
//   const v = new BundleVerifier(trust);
//   for await (const chunk of file.stream()) v.push(chunk);
//   const { verdict, checks, shown } = v.finish();
export class BundleVerifier {
  over = false;
  #report = new Report();
  #trust;
  #parts = []; // of the line that is read
  #size = 0; // of these
  #n = 0; // lines
  #head;
  #ended = false; // the last line was read
  #at;
  #records;
  #seen = 0; // records
  #last = -1; // index of the last one
  #recorded = ""; // of the last entry
  #before; // by when the ledger with all of them was cosigned or anchored, in seconds
  #roots = []; // of a period: the complete subtrees that the leaves so far fall into
  #inside = 0; // leaves within the period
  #behind = false; // the last line lies behind it
  #drawn = []; // of a sample
  #drawnSeen = 0; // of these came, or were left out
  #schemaBytes = 0;
  #tallies = new Map();
  #shows = true;
  #shown = 0;

  constructor(trustPolicy) {
    this.#trust = parseTrust(toBytes(trustPolicy));
  }

  // push takes the next bytes of the file.
  push(bytes) {
    for (let at = 0; !this.over && at < bytes.length; ) {
      const end = bytes.indexOf(10, at) + 1 || bytes.length;
      this.#parts.push(bytes.slice(at, end));
      this.#size += end - at;
      at = end;
      const line = () => {
        must(this.#size <= maxLine, `line ${this.#n + 1} has more than 4 MiB`);
        if (bytes[end - 1] !== 10) return;
        const whole = join(...this.#parts);
        [this.#parts, this.#size] = [[], 0];
        this.#n++;
        this.#line(whole);
      };
      if (this.#report.attempt("format", null, line) !== PASS) this.over = true;
    }
  }

  // finish returns the report, once all bytes were pushed.
  finish() {
    const report = this.#report;
    if (!this.over) {
      const whole = () => must(this.#ended && !this.#size, "the file ends before its last line: it was cut off; fetch it again");
      if (report.attempt("format", null, whole) === PASS) this.#together();
    }
    for (const [key, n] of this.#tallies) {
      const [name, result] = key.split(" ");
      if (result === PASS) report.add(name, null, PASS, `passed for ${n} records`);
      else if (result === NOTE) report.add(name, null, NOTE, `${n} records disclose nothing; their sealed members stay committed`);
      else if (n > many) report.add(name, null, result, `and ${n - many} records more`);
    }
    sayClaims(report, this.#trust);
    return report.json();
  }

  #line(bytes) {
    let o;
    try {
      o = jsonOf(bytes, "it", 131072);
      must(o instanceof Map, "it is not an object");
      must(!this.#ended, "something follows the last line");
      if (!this.#head) return this.#begin((this.#head = parseBundleHead(o)));
      if (o.has("schema")) return this.#schema(strict(o, "a schema", ["schema"]).schema);
      if (o.has("end")) {
        must(strict(o, "the last line", ["end"]).end === this.#seen, `end is not the number of records, ${this.#seen}`);
        this.#ended = true;
        return undefined;
      }
      return this.#record(parseRecord(o, !this.#head.period));
    } catch (e) {
      if (e instanceof Bad) throw new Bad(`line ${this.#n}: ${e.message}`);
      throw e;
    }
  }

  #begin({ checkpoint, genesis, anchors, period, sample }) {
    const report = this.#report, trust = this.#trust;
    const at = (this.#at = checkCheckpoint(report, trust, checkpoint));
    if (!at) {
      this.over = true; // of a checkpoint that is not signed nothing more can be said
      return;
    }
    if (trust.witnesses && checkCosigned(report, trust, [at])) {
      this.#before = at.times[trust.witnesses.quorum - 1];
      report.add("time", null, NOTE, `witnesses cosigned the ledger with these records by ${written(this.#before)}; that each was not there long before shows evidence`);
    }
    this.#records = new Records(report, trust, { genesis, schemas: [] }, at);
    report.attempt("genesis", null, () => this.#records.genesis());
    for (const a of anchors) report.attempt("anchors", null, () => this.#records.anchor(a));
    if (trust.chains && report.attempt("anchors", null, () => this.#records.anchored(at.size - 1n)) === PASS) {
      const { time } = this.#records.blockWith(at.size - 1n).block;
      this.#before = Math.min(time, this.#before ?? Infinity);
      report.add("time", null, NOTE, `the ledger with these records was there by ${written(time)}, by its anchors`);
    }
    const range = period ?? sample;
    must(!range || BigInt(range.end) <= at.size, `end is beyond the ${at.size} records of the checkpoint`);
    if (period) {
      this.#last = period.start - 1;
      this.#roots = [...period.before];
      this.#shows = period.end - period.start <= maxShownLines;
    } else if (sample) {
      this.#drawn = draw(sample, `${trust.origin}\n${at.size}\n${to64(at.root)}\n`);
      this.#shows = this.#drawn.length <= maxShownLines;
    }
  }

  #schema(s) {
    const bytes = utf8(text(s, "schema")), hash = hex(sha256(bytes)), { schemas } = this.#records;
    must(!schemas.has(hash), "the schema stands there twice");
    this.#schemaBytes += bytes.length;
    must(schemas.size < 4096 && this.#schemaBytes <= 64 << 20, "a bundle has at most 4,096 schemas, and 64 MiB of them");
    schemas.set(hash, readSchema(bytes));
  }

  #record(r) {
    const { period, sample } = this.#head, records = this.#records;
    this.#seen++;
    must(BigInt(this.#seen) <= this.#at.size && !(sample && this.#seen > 10000), "it is of one record more than there can be");
    must(period ? r.index === this.#last + 1 && r.index < period.end : r.index > this.#last, `record ${r.index} does not follow record ${this.#last}`);
    this.#last = r.index;
    if (period) this.#append(leafHash(r.entry));
    const one = (records.report = new Report());
    records.record(r);
    const leaf = records.leaves.get(r.index), entry = leaf?.type === indexRootType ? undefined : leaf;
    records.leaves.clear();
    if (records.proved.size > 1000) records.proved.clear();
    if (entry) {
      if (entry.recorded < this.#recorded) one.add("time", r.index, FAIL, "it was recorded before a record that lies before it");
      this.#recorded = entry.recorded;
      if (this.#before !== undefined) one.attempt("time", r.index, () => checkDatedForward(this.#trust, entry.recorded, this.#before));
    }
    if (period) one.attempt("range", r.index, () => this.#within(r.index, entry));
    if (sample) one.attempt("sample", r.index, () => this.#sampled(r.index));
    for (const c of one.checks) {
      const key = `${c.name} ${c.result}`, n = (this.#tallies.get(key) ?? 0) + 1;
      this.#tallies.set(key, n);
      if ((c.result === FAIL || c.result === MISSING) && n <= many) this.#report.add(c.name, c.record, c.result, c.text);
    }
    for (const s of one.said) {
      this.#shown += footprint(s.value);
      if (this.#shows && this.#seen <= maxShownLines && this.#shown <= maxShown) this.#report.said.push(s);
    }
  }

  // #append adds a leaf of a period: a subtree is complete with its neighbour as a carry ends an addition.
  #append(leaf) {
    for (let n = this.#last; n % 2 === 1; n = (n - 1) / 2) leaf = nodeHash(this.#roots.pop(), leaf);
    this.#roots.push(leaf);
  }

  // #within holds the time of a record against the period; an index-root has none.
  #within(index, entry) {
    const { from, to, start } = this.#head.period, before = Boolean(entry) && from !== undefined && entry.recorded < from;
    must(!this.#behind, "it lies behind the record that ends the period");
    if (index === start && before) return; // the last record before the period
    must(index !== start || index === 0, "the file does not begin with the record before the period");
    must(!before, "it was recorded before the period");
    if (entry && to !== undefined && entry.recorded >= to) this.#behind = true;
    else this.#inside++;
  }

  #sampled(index) {
    let left = 0;
    while (this.#drawn[this.#drawnSeen + left] < index) left++;
    must(this.#drawn[this.#drawnSeen + left] === index, "it is not drawn by this seed");
    this.#drawnSeen += left + 1;
    must(left === 0, `${left} records that are drawn before it are left out`);
  }

  // #together makes the checks that are of all lines together.
  #together() {
    const report = this.#report, { period, sample } = this.#head;
    if (period) {
      const { start, end, to, after } = period;
      const all = () => {
        must(this.#last === end - 1, `the file ends with record ${this.#last}, and goes up to ${end - 1} by its first line`);
        const root = this.#roots.reduceRight((r, l) => nodeHash(l, r));
        must(consistent({ size: BigInt(end), root }, this.#at, after), `a record is left out, added or altered: the records ${start} to ${end - 1} of the file are not those under the checkpoint`);
        must(this.#behind || BigInt(end) === this.#at.size, "the file ends before the period does, and before the checkpoint");
        return `${this.#inside} leaves, recorded from ${period.from ?? "the beginning"} to ${to === undefined ? "the checkpoint" : `before ${to}`}, are all there are: none is left out`;
      };
      if (report.attempt("range", null, all) === PASS && !this.#behind && to !== undefined) {
        report.add("range", null, MISSING, "no record behind the period lies under the checkpoint, so it may not have been over: ask again under a later checkpoint");
      }
    } else if (sample) {
      const left = this.#drawn.length - this.#drawnSeen;
      const all = () => {
        must(left === 0, `${left} records that are drawn last are left out, the lowest of them record ${this.#drawn[this.#drawnSeen]}`);
        return `${this.#seen} leaves, drawn by the seed ${JSON.stringify(sample.seed)} from those from ${sample.start} to ${sample.end - 1}`;
      };
      if (report.attempt("sample", null, all) === PASS) {
        report.add("sample", null, NOTE, "nobody could choose them if the seed was named, or came to be, after this checkpoint was witnessed, which the file does not show");
      }
    } else {
      report.add("query", null, NOTE, "that nothing else matches is not shown: ask for all records of a subject, or of a period");
    }
  }
}

// sayClaims says what rests on the operator's word under a policy, and what of the policy cannot be checked.
function sayClaims(report, trust) {
  for (const name of trust.reserved) report.add("policy", null, MISSING, `the policy asks for ${name}, which this program cannot check`);
  if (!trust.submitters.length) report.add("submitter", null, NOTE, "the policy lists no submitters' keys, so who submitted is the operator's claim");
  if (!trust.witnesses && !trust.chains) report.add("time", null, NOTE, "the policy names no witnesses, so when it was recorded is the operator's clock");
}

const toBytes = (x) => (typeof x === "string" ? utf8(x) : x);

function newBundle(trustPolicy, event, receipts) {
  if (event) throw new Unread("this is a bundle, which is held against no event");
  if (receipts?.length) throw new Unread("this is a bundle, and receipts are held against evidence");
  return new BundleVerifier(trustPolicy);
}

// verify returns the report on evidence, a bundle or a receipt: {verdict, checks,
// shown}. A bundle that memory does not hold is for BundleVerifier.
// All arguments are Uint8Arrays, or strings that are written in UTF-8. It
// throws Unread for a document that is none of them, and Bad for a policy, event,
// schema or receipt that cannot be used. The members of options are event and
// schema, of a receipt, and against, receipts to hold evidence against.
export function verify(document, trustPolicy, options = {}) {
  const trust = parseTrust(toBytes(trustPolicy));
  const event = options.event && parseEvent(toBytes(options.event), parseSchema(toBytes(options.schema)));
  const receipts = (options.against ?? []).map((b) => readReceipt(toBytes(b)));
  const bytes = toBytes(document);
  if (isBundle(bytes)) {
    const bundle = newBundle(trustPolicy, event, receipts);
    bundle.push(bytes);
    return bundle.finish();
  }
  if (bytes.length > maxFile) throw new Unread("the file is longer than 64 MiB");
  const o = parse(bytes);
  const v = o instanceof Map ? o.get("v") : undefined;
  const report = new Report();
  if (v === "lendlog-evidence/1") {
    if (event) throw new Unread("this is evidence, which is held against no event");
    verifyEvidence(report, trust, o, receipts);
  } else if (v === "lendlog-receipt/1") {
    if (receipts.length) throw new Unread("this is a receipt, and receipts are held against evidence");
    let rc;
    if (report.attempt("format", null, () => void (rc = parseReceipt(o))) === PASS) verifyReceipt(report, trust, rc, event);
  } else {
    throw new Unread("v is neither lendlog-evidence/1 nor lendlog-receipt/1, and a bundle begins with it");
  }
  if (report.checks[0].name !== "format") sayClaims(report, trust);
  return report.json();
}

// readReceipt parses a receipt to hold evidence against.
function readReceipt(bytes) {
  must(bytes.length <= maxFile, "the file is longer than 64 MiB");
  return parseReceipt(jsonOf(bytes, "the receipt"));
}

// The program.

const exitCodes = { VALID: 0, INVALID: 3, INCOMPLETE: 4 };
const exitUnread = 2;

// printable escapes what steers a terminal or hides text: what a file says is a stranger's.
export function printable(s) {
  const units = (c) => Array.from({ length: c.length }, (_, i) => "\\u" + c.charCodeAt(i).toString(16).padStart(4, "0")).join("");
  return s.replace(/(?! )[\p{C}\p{Z}]/gu, units);
}

// reportText writes a report for people: a line per check, what the records say, the verdict.
export function reportText(report) {
  const signs = { pass: "✓", fail: "✗", missing: "?", note: "–" };
  const words = { pass: "", fail: "FAILED: ", missing: "NOT CHECKED: ", note: "" };
  const clip = (s) => {
    const characters = Array.from(s);
    return printable(characters.slice(0, 200).join("")) + (characters.length > 200 ? "…" : "");
  };
  const lines = report.checks.map(({ name, record, result, text }) => {
    const where = record === undefined ? "" : `record ${record}: `;
    return `${signs[result]} ${name.padEnd(11)} ${where}${words[result]}${printable(text)}`;
  });
  let of;
  for (const s of report.shown) {
    if (s.record !== of) lines.push(`  record ${(of = s.record)} says`);
    lines.push(`    ${clip(s.what).padEnd(22)} ${"value" in s ? clip(JSON.stringify(s.value)) : "(absent)"}`);
  }
  lines.push({
    VALID: "VALID: every check that the trust policy asks for passed.",
    INVALID: "INVALID: a check failed; keep this file as it is.",
    INCOMPLETE: "INCOMPLETE: nothing failed, but a check could not be made.",
  }[report.verdict]);
  return lines.join("\n") + "\n";
}

function parseArgs(args) {
  const call = { against: [], files: [] };
  for (let i = 0; i < args.length; i++) {
    const [, name, , value] = /^--?([a-z]+)(=(.*))?$/s.exec(args[i]) ?? [];
    if (name === "help" || name === "h") return { help: true };
    if (name === "json") call.json = true;
    else if (["trust", "event", "schema", "against"].includes(name)) {
      const file = value ?? args[++i];
      if (file === undefined) throw new Bad(`--${name} needs a file`);
      if (name === "against") call.against.push(file);
      else call[name] = file;
    } else if (args[i].startsWith("-")) throw new Bad(`there is no flag ${args[i]}`);
    else call.files.push(args[i]);
  }
  must(call.trust, "--trust is required: the file that says whom you believe");
  must(call.files.length, "no file to verify was named");
  must(!call.event === !call.schema && (!call.event || call.files.length === 1), "--event and --schema go together, with one receipt");
  return call;
}

// main returns the exit code.
function main(args, { openSync, readSync, closeSync, fstatSync }, out, err) {
  const complain = (e, ...where) => {
    if (!(e instanceof Bad || e instanceof Unread || e.syscall)) throw e;
    err(`verify.mjs: ${printable([...where, e.message].join(": "))}\n`);
    return exitUnread;
  };
  // pieces yields what is in a file, of which all pieces but the last are of one size.
  function* pieces(name) {
    const file = openSync(name);
    try {
      for (let last = false; !last; ) {
        const piece = new Uint8Array(Math.min(fstatSync(file).size || 1 << 16, 1 << 20) + 1);
        let size = 0;
        for (let n = 1; n > 0 && size < piece.length; size += n) n = readSync(file, piece, size, piece.length - size, null);
        last = size < piece.length;
        yield piece.subarray(0, size);
      }
    } finally {
      closeSync(file);
    }
  }
  // read returns what is in a file, unless take takes it piece by piece: then what take's finish returns.
  const read = (name, take = () => undefined) => {
    const chunks = [];
    let size = 0, taker;
    for (const piece of pieces(name)) {
      if (size === 0) taker = take(piece);
      size += piece.length;
      if (taker) taker.push(piece);
      else chunks.push(piece);
      if (taker ? taker.over : size > maxFile) break;
    }
    return taker ? taker.finish() : join(...chunks);
  };
  let call, trust, options, name;
  try {
    call = parseArgs(args);
    if (call.help) {
      out(usage);
      return 0;
    }
    trust = read((name = call.trust));
    parseTrust(trust);
    options = { against: call.against.map((file) => read((name = file))) };
    options.against.forEach((b, i) => {
      name = call.against[i];
      readReceipt(b);
    });
    if (call.event) {
      options.schema = read((name = call.schema));
      const schema = parseSchema(options.schema);
      options.event = read((name = call.event));
      parseEvent(options.event, schema);
    }
  } catch (e) {
    if (!name) e.message += "; see verify.mjs --help";
    return complain(e, ...(name ? [name] : []));
  }
  const codes = call.files.map((file) => {
    let report;
    try {
      report = read(file, (first) => (isBundle(first) ? newBundle(trust, options.event, options.against) : undefined));
      if (report instanceof Uint8Array) report = verify(report, trust, options);
    } catch (e) {
      return complain(e, file);
    }
    if (call.json) out(printable(JSON.stringify({ file, report })) + "\n");
    else out((call.files.length > 1 ? printable(file) + "\n" : "") + reportText(report));
    return exitCodes[report.verdict];
  });
  return [3, exitUnread, 4, 0].find((code) => codes.includes(code));
}

if (globalThis.process?.argv?.[1]) {
  const [fs, url] = await Promise.all([import("node:fs"), import("node:url")]);
  const started = fs.existsSync(process.argv[1]) && fs.realpathSync(process.argv[1]);
  if (started === url.fileURLToPath(import.meta.url)) {
    process.exitCode = main(process.argv.slice(2), fs, (s) => fs.writeSync(1, s), (s) => fs.writeSync(2, s));
  }
}

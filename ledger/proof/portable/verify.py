#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Verify evidence, bundles and receipts of a lendlog ledger offline.

Written from docs/formats.md, whose sections the comments name, and from the
specifications that it names. It needs Python 3.9 or later and nothing but its
standard library: no package, no network, no other file of lendlog.
"""

import argparse
import base64
import bisect
import collections
import datetime
import hashlib
import io
import json
import os
import re
import sys

USAGE = """Verify evidence, bundles and receipts of a lendlog ledger offline.

Usage:
  python3 verify.py --trust TRUST [--against RECEIPT]... [--json] FILE...
  python3 verify.py --trust TRUST --event EVENT --schema SCHEMA [--json] RECEIPT

Example:
  python3 verify.py --trust trust.json record-12.evidence.json

Flags:
  --trust TRUST    the trust file: whom you believe. Get it from somebody else
                   than the operator of the ledger
  --event EVENT    the event that a receipt is of, as it was submitted: every
                   digest is computed again
  --schema SCHEMA  the schema of the event, as `lendlog types show TYPE --json`
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
"""

MAX_FILE = 64 << 20
PASS, FAIL, MISSING, NOTE = "pass", "fail", "missing", "note"


class Unread(Exception):
    """The file is not JSON under section 1, or of no format that is read here."""


class Bad(Exception):
    """Something is not as the formats have it; whoever parses it says which check that is."""


class Missing(Exception):
    """A check cannot be made."""


def require(holds, text):
    if not holds:
        raise Bad(text)


# Section 1: the JSON profile.

MAX_INT = 2**53 - 1
SPACE = re.compile(r"[ \t\n\r]*")
NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?![0-9.eE])")
PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
ESCAPE = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
WORDS = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}


def parse(doc, left=2_097_152):
    """Return the JSON value of bytes, of which left may be in it; objects are dicts. Anything else is Unread."""
    try:
        s = doc.decode("utf-8")
    except UnicodeDecodeError as e:
        raise Unread("not UTF-8") from e

    def refuse(what, i):
        raise Unread(f"{what} (character {i})")

    def skip(i):
        return SPACE.match(s, i).end()

    def string(i):
        parts, start = [], i
        while True:
            m = PLAIN.match(s, i)
            parts.append(m.group())
            i = m.end()
            if s[i : i + 1] == '"':
                break
            m = ESCAPE.match(s, i)
            if not m:
                refuse("a string that does not end, or holds what it may not", start)
            c, code = m.groups()
            parts.append(SHORT.get(c, c) if c else chr(int(code, 16)))
            i = m.end()
        text = "".join(parts)
        if len(parts) > 1:
            try:  # joins the two halves of a character above U+FFFF
                text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
            except UnicodeDecodeError:
                refuse("a lone surrogate", start)
        return text, i + 1

    def value(i, level):
        nonlocal left
        left -= 1
        if left < 0:
            refuse("too many values", i)
        c = s[i : i + 1]
        if c == '"':
            return string(i + 1)
        if c in ("{", "["):
            if level == 32:
                refuse("nested too deeply", i)
            return (members if c == "{" else items)(skip(i + 1), level + 1)
        if c in WORDS and s.startswith(WORDS[c][0], i):
            return WORDS[c][1], i + len(WORDS[c][0])
        m = NUMBER.match(s, i)
        if not m or len(m[2]) > 16 or int(m[2]) > MAX_INT or m[0] == "-0":
            refuse("neither a JSON value nor an integer up to 2^53-1 in its shortest spelling", i)
        return int(m[0]), m.end()

    def members(i, level):
        o = {}
        if s[i : i + 1] == "}":
            return o, i + 1
        while True:
            if s[i : i + 1] != '"':
                refuse("no name of a member", i)
            name, i = string(i + 1)
            if name in o:
                refuse("two members of one name", i)
            i = skip(i)
            if s[i : i + 1] != ":":
                refuse("no colon", i)
            o[name], i = value(skip(i + 1), level)
            if len(o) > 1024:
                refuse("too many members", i)
            i = skip(i)
            if s[i : i + 1] == "}":
                return o, i + 1
            if s[i : i + 1] != ",":
                refuse("no comma", i)
            i = skip(i + 1)

    def items(i, level):
        a = []
        if s[i : i + 1] == "]":
            return a, i + 1
        while True:
            v, i = value(i, level)
            a.append(v)
            i = skip(i)
            if s[i : i + 1] == "]":
                return a, i + 1
            if s[i : i + 1] != ",":
                refuse("no comma", i)
            i = skip(i + 1)

    v, end = value(skip(0), 0)
    if skip(end) != len(s):
        refuse("more than one value", end)
    return v


def canonical(v):
    """Return the canonical form (RFC 8785) of a value as a string."""
    if isinstance(v, dict):
        names = sorted(v, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(canonical(n) + ":" + canonical(v[n]) for n in names) + "}"
    if isinstance(v, list):
        return "[" + ",".join(map(canonical, v)) + "]"
    return json.dumps(v, ensure_ascii=False)


def parse_canonical(b, what):
    try:
        v = parse(b)
    except Unread as e:
        raise Bad(f"{what} is not JSON: {e}") from e
    require(canonical(v).encode() == b, f"{what} is not canonical")
    return v


def strict(v, what, needs, may=()):
    """Require an object of just these members: of what it needs all, of what it may have some."""
    require(isinstance(v, dict), f"{what} is not an object")
    for name in needs:
        require(name in v, f"{what} lacks {name}")
    for name in v:
        require(name in needs or name in may, f"{what} has an unknown member {name}")
    return v


def text(v, what):
    require(isinstance(v, str), f"{what} is not a string")
    return v


def integer(v, what, least=0):
    require(type(v) is int and v >= least, f"{what} is not an integer from {least}")
    return v


def array(v, what, most=None):
    require(isinstance(v, list) and (most is None or len(v) <= most), f"{what} is not an array, or too long")
    return v


def unbase64(v, what, size=None):
    """Decode base64, of which each value has one spelling."""
    try:
        b = base64.b64decode(text(v, what).encode("ascii"), validate=True)
    except ValueError:
        b = None
    require(b is not None and to64(b) == v, f"{what} is not base64")
    require(size is None or len(b) == size, f"{what} has not {size} bytes")
    return b


def to64(b):
    return base64.b64encode(b).decode()


def indexes(v, what):
    for n, i in enumerate(array(v, what)):
        integer(i, what)
        require(n == 0 or v[n - 1] < i, f"{what} do not ascend")
    return v


# Section 2: leaves, and RFC 6962.


def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(b):
    return H(b"\0", b)


MAX_SIZE = 2**62


def included(leaf, index, size, proof, root):
    """Verify an inclusion proof as RFC 9162, section 2.1.3.2 has it."""
    if not 0 <= index < size <= MAX_SIZE:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = H(b"\1", p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = H(b"\1", r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistent(old, new, proof):
    """Verify as RFC 9162, section 2.1.4.2 has it that the tree of one head is a prefix of that of another."""
    if not old.size <= new.size <= MAX_SIZE or old.size == 0 and old.root != H():
        return False
    if old.size in (0, new.size):
        return not proof and (old.size < new.size or old.root == new.root)
    if old.size & old.size - 1 == 0:
        proof = [old.root] + proof
    fn, sn = old.size - 1, new.size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    if not proof:
        return False
    fr = sr = proof[0]
    for p in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = H(b"\1", p, fr), H(b"\1", p, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = H(b"\1", sr, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old.root and sr == new.root


def merkle_root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return H(b"\1", merkle_root(leaves[:k]), merkle_root(leaves[k:]))


RESTRICTED = "org.lendlog.restricted.v1"
INDEX_ROOT = "org.lendlog.index-root.v1"
OBSERVED = "org.lendlog.chain.observed.v1"
KEY_CHANGED = "org.lendlog.key.changed.v1"
NAME = re.compile(r"[\x21-\x7e]{1,128}")
CLOCK = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")


def is_time(s):
    m = CLOCK.fullmatch(s)
    if not m:
        return False
    year, month, day, hour, minute, second = map(int, m.groups()[:6])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    zone = m[8] == "Z" or (int(m[8][1:3]) < 24 and int(m[8][4:]) < 60)
    return (
        1 <= month <= 12
        and 1 <= day <= [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
        and hour < 24 and minute < 60 and second < 60 and zone
    )


def is_recorded(s):
    """Report whether a text is a time as the ledger's clock writes it, which can be compared as text."""
    return len(s) == 24 and s[-1] == "Z" and is_time(s)


def milliseconds(recorded):
    """Return the milliseconds since 1970 of a time of the ledger, of which Python's own calendar lacks the year 0."""
    y, m, d, hour, minute, second, ms = (int(recorded[i:j]) for i, j in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19), (20, 23)))
    y -= m < 3  # a year ends with its leap day
    days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * ((m + 9) % 12) + 2) // 5 + d - 719469
    return 1000 * (60 * (60 * (24 * days + hour) + minute) + second) + ms


def parse_leaf(b):
    """Return the members of a leaf, hashes as bytes."""
    require(len(b) <= 65535, "the leaf is longer than 65,535 bytes")
    e = parse_canonical(b, "the leaf")
    require(isinstance(e, dict), "the leaf is not an object")
    if e.get("type") == INDEX_ROOT:
        strict(e, "the index-root", ("covers", "root", "type", "v"))
        integer(e["covers"], "covers")
        e["root"] = unbase64(e["root"], "root", 32)
    else:
        restricted = e.get("type") == RESTRICTED
        open_only = ("submitter", "time")
        needs = ("capture", "event", "open", "recorded", "schema", "sealed", "seq", "term", "type", "v")
        strict(e, "the entry", needs if restricted else needs + open_only, ("prev",) if restricted else ("prev", "refs"))
        require(e["capture"] in ("live", "late", "import"), "capture is unknown")
        for name in ("event", "schema", "sealed", "term"):
            e[name] = unbase64(e[name], name, 32)
        require(isinstance(e["open"], dict), "open is not an object")
        require(not restricted or not e["open"], "a restricted record has open members")
        recorded = text(e["recorded"], "recorded")
        require(is_recorded(recorded), "recorded is not a time of the ledger")
        integer(e["seq"], "seq", 1)
        require(("prev" in e) == (e["seq"] > 1), "prev is there exactly when seq is greater than 1")
        if "prev" in e:
            e["prev"] = unbase64(e["prev"], "prev", 32)
        if "refs" in e:
            require(indexes(e["refs"], "refs"), "refs is empty")
        if not restricted:
            submitter = text(e["submitter"], "submitter")
            require(len(submitter) <= 64 and NAME.fullmatch(submitter), "submitter is not an id")
            require(is_time(text(e["time"], "time")), "time is not RFC 3339")
        require(NAME.fullmatch(text(e["type"], "type")), "type is not a name")
    require(e["v"] == "lendlog/1", "v is unknown")
    return e


# Section 3: sealed members.

ATTRIBUTES = ("/causationid", "/extensions", "/id", "/parent", "/party", "/sequence", "/signature", "/source", "/subject")
INSTITUTION = ("/refs", "/submitter", "/time", "/type")
NEVER_ABSENT = ("/id", "/source", "/subject", "/submitter", "/time", "/type")
PLACED = ATTRIBUTES[:1] + ATTRIBUTES[2:] + ("/data", "/data_base64", "/specversion", "/time", "/type")
TYPE = re.compile(r"urn:lendlog:schema:([a-z0-9-]+(?:\.[a-z0-9-]+)+\.v[1-9][0-9]{0,3})")
MEMBER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
GROUP = re.compile(r"[a-z][A-Za-z0-9]{0,31}(\.[a-z][A-Za-z0-9]{0,31})?")


class Schema:
    """What a verifier needs of a schema: type, restricted, opens, and groups by sealable pointer."""

    def __init__(self, b):
        self.hash = H(b)
        require(len(b) <= 60000, "the schema is longer than 60,000 bytes")
        try:
            o = parse(b)
        except Unread as e:
            raise Bad(f"the schema is not JSON: {e}") from e
        require(isinstance(o, dict), "the schema is not an object")
        m = TYPE.fullmatch(text(o.get("$id"), "$id"))
        require(m and len(m[1]) <= 128, "$id is not the name of a record type")
        self.type = m[1]
        self.restricted = o.get("x-restricted", False)
        require(type(self.restricted) is bool, "x-restricted is not a boolean")
        self.opens, groups = set(), dict.fromkeys(ATTRIBUTES, "party")
        if self.restricted:
            groups.update(dict.fromkeys(INSTITUTION, "institution"))
        properties = o.get("properties", {})
        require(isinstance(properties, dict), "properties is not an object")
        for name, p in properties.items():
            require(MEMBER.fullmatch(name) and isinstance(p, dict), f"{name} is no member of data")
            require(("x-open" in p) != ("x-key" in p), f"{name} has not either x-open or x-key")
            if "x-open" in p:
                require(p["x-open"] is True and not self.restricted, f"x-open of {name} is not true")
                self.opens.add(name)
            else:
                groups["/data/" + name] = self.group(p["x-key"])
        self.groups = {pointer: groups[pointer] for pointer in sorted(groups)}
        self.places = {pointer: n for n, pointer in enumerate(self.groups)}

    @staticmethod
    def group(key):
        if isinstance(key, str):
            require(key in ("party", "staff", "institution"), "x-key is unknown")
            return key
        require(isinstance(key, dict), "x-key is not a group")
        group = text(key.get("group"), "group")
        require(GROUP.fullmatch(group) and group not in ("party", "institution"), "group is not a name")
        return group


def right_kind(pointer, value):
    """Whether a sealed member may have a value."""
    if pointer.startswith("/data/"):
        return True
    if pointer == "/extensions":
        return isinstance(value, dict) and not any("/" + name in PLACED for name in value)
    if pointer == "/refs":
        return isinstance(value, list)
    if pointer == "/type":
        ok = isinstance(value, dict) and sorted(value) == ["name", "schema"] and isinstance(value["name"], str)
        try:
            return ok and bool(unbase64(value["schema"], "schema", 32))
        except Bad:
            return False
    return isinstance(value, str)


def parse_disclosure(s):
    """Return pointer and value of a disclosure; value None says that the event lacks the member."""
    d = parse_canonical(s.encode(), "a disclosure")
    require(isinstance(d, list) and 2 <= len(d) <= 3, "a disclosure has not two or three items")
    unbase64(d[0], "the salt of a disclosure", 16)
    text(d[1], "the pointer of a disclosure")
    require(len(d) == 2 or d[2] is not None, f"{d[1]} is null")
    return d[1], d[2] if len(d) == 3 else None


# Section 4: terms. Edwards25519 and RFC 9496 (ristretto255).

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
ZERO = (0, 1, 1, 0)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def neg(p):
    return P - p[0], p[1], p[2], P - p[3]


def combine(a, p, b, q, add, zero):
    """Return a*p + b*q in the group with that addition."""
    terms, r = (None, p, q, add(p, q)), zero
    for bit in range(max(a.bit_length(), b.bit_length()) - 1, -1, -1):
        r = add(r, r)
        which = (a >> bit & 1) + 2 * (b >> bit & 1)
        if which:
            r = add(r, terms[which])
    return r


def odd(x):
    return x % P & 1


def absolute(x):
    return P - x % P if odd(x) else x % P


def sqrt_ratio(u, v):
    """SQRT_RATIO_M1 of RFC 9496, section 4.2."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    if check in (-u % P, -u * SQRT_M1 % P):
        r = r * SQRT_M1 % P
    return check in (u % P, -u % P), absolute(r)


def ristretto_decode(b):
    s = int.from_bytes(b, "little")
    if s >= P or odd(s):
        return None
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    square, inv = sqrt_ratio(1, v * u2 * u2 % P)
    x = absolute(2 * s * inv * u2)
    y = u1 * inv * inv * u2 * v % P
    t = x * y % P
    return None if not square or odd(t) or y == 0 else (x, y, 1, t)


INVSQRT_A_MINUS_D = sqrt_ratio(1, -1 - D)[1]
SQRT_AD_MINUS_ONE = P - sqrt_ratio(-1 - D, 1)[1]


def ristretto_encode(p):
    x, y, z, t = p
    u1, u2 = (z + y) * (z - y) % P, x * y % P
    _, inv = sqrt_ratio(1, u1 * u2 * u2 % P)
    den1, den2 = inv * u1 % P, inv * u2 % P
    z_inv = den1 * den2 * t % P
    den = den2
    if odd(t * z_inv):
        x, y, den = y * SQRT_M1, x * SQRT_M1, den1 * INVSQRT_A_MINUS_D
    if odd(x * z_inv):
        y = -y
    return absolute(den * (z - y)).to_bytes(32, "little")


def elligator(b):
    """MAP of RFC 9496, section 4.3.4."""
    t = (int.from_bytes(b, "little") & 2**255 - 1) % P
    r = SQRT_M1 * t * t % P
    u, v = (r + 1) * (1 - D * D) % P, (-1 - r * D) * (r + D) % P
    square, s = sqrt_ratio(u, v)
    c = -1
    if not square:
        s, c = -absolute(s * t), r
    n = (c * (r - 1) * (D - 1) ** 2 - v) % P
    w0, w1, w2, w3 = 2 * s * v, n * SQRT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


def edwards_decode(b):
    """Decode as RFC 8032, section 5.1.3, but y may be P or more, and 0 have a sign (section 6)."""
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, (y & 2**255 - 1) % P
    square, x = sqrt_ratio(y * y - 1, D * y * y + 1)
    if not square:
        return None
    x = (P - x) % P if sign else x
    return x, y, 1, x * y % P


def edwards_encode(p):
    z_inv = pow(p[2], -1, P)
    return (p[1] * z_inv % P | odd(p[0] * z_inv) << 255).to_bytes(32, "little")


BASE = edwards_decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
SUITE = b"\xffc2sp.org/vrf-r255"


def part(s):
    return len(s).to_bytes(2, "big") + s


def term_of(public, subject, proof):
    """Return the term that a VRF proof proves; Bad when it proves none."""
    kind, slash, id_ = (s.encode() for s in subject.partition("/"))
    require(slash and kind and id_ and len(kind) <= 65535 and len(id_) <= 65535, "a subject is kind/id")
    return vrf_verify(public, part(b"lendlog/term") + part(kind) + part(id_), proof)[:32]


def vrf_verify(public, alpha, proof):
    """ECVRF_verify of RFC 9381, section 5.3, in the suite of C2SP vrf-r255; returns beta."""
    y, gamma = ristretto_decode(public), ristretto_decode(proof[:32])
    c, s = int.from_bytes(proof[32:48], "little"), int.from_bytes(proof[48:], "little")
    require(len(proof) == 80 and y and gamma and s < L, "the VRF proof is none")
    uniform = hashlib.sha512(SUITE + b"\x82" + public + alpha).digest()
    h = add(elligator(uniform[:32]), elligator(uniform[32:]))
    u, v = (combine(s, p, c, neg(q), add, ZERO) for p, q in ((BASE, y), (h, gamma)))
    challenge = SUITE + b"\x02" + public + b"".join(map(ristretto_encode, (h, gamma, u, v))) + b"\0"
    require(hashlib.sha512(challenge).digest()[:16] == proof[32:48], "the VRF proof is wrong")
    return hashlib.sha512(SUITE + b"\x03" + proof[:32] + b"\0").digest()


# Section 5: the map, and the proofs of section 7.


def map_proves(root, key, value, proof):
    """Verify that the map has a value, or for None no value, under a key; Bad when it is not shown."""
    at = 0

    def varint():
        nonlocal at
        n = shift = 0
        while True:
            require(at < len(proof) and shift < 70, "the map proof is cut off")
            b = proof[at]
            at += 1
            n |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                require(b or shift == 7, "a number of the map proof is not in its shortest form")
                return n

    def take(n):
        nonlocal at
        require(n <= len(proof) - at, "the map proof is cut off")
        at += n
        return proof[at - n : at]

    def bit_of(k, bit):  # a key goes on with a byte 0 and then with bytes 255
        byte = k[bit // 8] if bit < 8 * len(k) else 0 if bit // 8 == len(k) else 255
        return byte >> 7 - bit % 8 & 1

    if value is None and not proof:
        require(root == H(), "the map is not empty")
        return
    found = key
    if value is None:
        found = take(varint())
        value = take(varint())
        require(found != key, "the map has the key")
    h = H(b"\0", uvarint(len(found)), found, uvarint(len(value)), value)
    last = 2**64 - 1
    while at < len(proof):
        bit = varint()
        require(bit < last, "the bits of the map proof do not fall")
        require(bit_of(found, bit) == bit_of(key, bit), "the map proof ends elsewhere than the look-up")
        sibling = take(32)
        left, right = (sibling, h) if bit_of(key, bit) else (h, sibling)
        h, last = H(b"\1", uvarint(bit), left, right), bit
    require(h == root, "the map proof leads to another hash")


def uvarint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out + bytes([n]))


# Section 6: checkpoints; Ed25519 and ECDSA with P-256.


def ed25519(public, message, sig):
    a, s = edwards_decode(public), int.from_bytes(sig[32:], "little")
    if a is None or len(sig) != 64 or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(sig[:32] + public + message).digest(), "little") % L
    return edwards_encode(combine(s, BASE, k, neg(a), add, ZERO)) == sig[:32]


P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
N256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B256 = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G256 = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    1,
)


def on_p256(q):
    x, y, _ = q
    return x < P256 and y < P256 and (y * y - x**3 + 3 * x - B256) % P256 == 0


def add256(p, q):
    """Add by the complete formulas of Renes, Costello and Batina, with a = -3; (0, 1, 0) is the identity."""
    (x1, y1, z1), (x2, y2, z2) = p, q
    xx, yy, zz = x1 * x2, y1 * y2, z1 * z2
    xy, xz, yz = (x1 * y2 + x2 * y1) % P256, (x1 * z2 + x2 * z1) % P256, (y1 * z2 + y2 * z1) % P256
    d = 3 * B256 * zz - 3 * xz
    m, n = (yy - d) % P256, (yy + d) % P256
    k, l = (3 * xx - 3 * zz) % P256, (3 * B256 * xz - 3 * xx - 9 * zz) % P256
    return (xy * m - yz * l) % P256, (m * n + k * l) % P256, (yz * n + xy * k) % P256


def es256(q, message, sig):
    r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
    if len(sig) != 64 or not 0 < r < N256 or not 0 < s < N256:
        return False
    w = pow(s, -1, N256)
    x, _, z = combine(int.from_bytes(H(message), "big") * w % N256, G256, r * w % N256, q, add256, (0, 1, 0))
    return z != 0 and x * pow(z, -1, P256) % P256 % N256 == r


NO_NAME = re.compile("[\t-\r +\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


# A Head is a checkpoint that is believed, with the times in seconds at which
# witnesses of the policy cosigned it, one for each public key, ascending.
Head = collections.namedtuple("Head", "size root times")


def open_note(known, witnesses, note):
    """Return the text of a signed note, who signed it, and when the witnesses did; Bad when it is none, or wrongly signed by one of them.

    Public keys are given by name and id, those of witnesses apart.
    """
    require(not re.search(r"[\x00-\x09\x0b-\x1f]", note), "the checkpoint has control characters")
    body, blank, lines = note.rpartition("\n\n")
    require(blank and lines.endswith("\n"), "the checkpoint is not a signed note")
    body += "\n"
    signers, times = set(), {}
    lines = lines[:-1].split("\n")
    require(len(lines) <= 100, "the checkpoint has more than 100 signatures")
    for line in lines:
        dash, name, sig = (line.split(" ", 2) + ["", ""])[:3]
        require(dash == "—" and name and not NO_NAME.search(name), "a line of the checkpoint is not a signature")
        try:
            b = base64.b64decode(sig, validate=True)
        except ValueError:
            b = b""
        require(len(b) > 4 and len(to64(b)) == len(sig), "a signature of the checkpoint is not base64")
        signer = name, b[:4].hex()
        if signer in signers:
            continue
        if signer in known:
            ok = ed25519(known[signer], body.encode(), b[4:])
        elif signer in witnesses:
            at = int.from_bytes(b[4:12], "big")
            ok = at < 2**40 and ed25519(witnesses[signer], f"cosignature/v1\ntime {at}\n{body}".encode(), b[12:])
            times.setdefault(witnesses[signer], at)
        else:
            continue
        require(ok, f"the signature of {name} is wrong")
        require(to64(b) == sig, f"the signature of {name} is not in strict base64")
        signers.add(signer)
    return body, signers, times


def open_checkpoint(trust, note):
    """Return the head of a signed checkpoint; Bad when the policy does not believe it."""
    known = {(trust["origin"], k["id"]): k["public"] for k in trust["keys"]}
    body, signers, times = open_note(known, trust["witnesses"]["keys"] if trust["witnesses"] else {}, note)
    require(not signers.isdisjoint(known), "the checkpoint bears no signature of a known key of the ledger")
    lines = body.split("\n")
    require(len(lines) == 4 and re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]), "the checkpoint has not three lines")
    require(lines[0] == trust["origin"], "the checkpoint is of another origin")
    size, root = int(lines[1]), unbase64(lines[2], "the root of the checkpoint", 32)
    require(size < 2**63, "the size of the checkpoint is too large")
    may = any((trust["origin"], k["id"]) in signers and k["from"] <= size <= k["to"] for k in trust["keys"])
    require(may, "no key that signed the checkpoint may sign its size")
    return Head(size, root, sorted(times.values()))


# Section 20: new checkpoint keys.

KEY_CHANGE = re.compile(r"lendlog/key-change/1\n([^\n]*)\n([^\n]*)\n([1-9][0-9]{0,15})\n([1-9][0-9]{0,15})\n")


def after(trust, statement):
    """Return the policy once the key of a statement was announced, itself where it has that key; Bad when the statement does not count."""
    said = KEY_CHANGE.match(statement)
    require(said and len(statement.encode()) <= 8192 and said[1] == trust["origin"], "it is no statement of a key of this ledger")
    first, until = int(said[3]), int(said[4])
    require(first <= until < 2**53, "it is no statement of a key of this ledger")
    name, id_, public = verifier_key(said[2], 1)
    require(name == trust["origin"], "the name of the key is not the origin")
    if any(k["id"] == id_ for k in trust["keys"]):
        return trust
    known = {(name, k["id"]): k["public"] for k in trust["keys"] if k["from"] <= first <= k["to"]}
    body, signers, _ = open_note(known | {(name, id_): public}, {}, statement)
    signed = body == said[0] and (name, id_) in signers and len(signers) > 1
    require(signed, "the new key, and one before it that may sign its first checkpoint, have to have signed")
    before = [{**k, "to": until} if k["from"] <= until < k["to"] else k for k in trust["keys"]]
    return {**trust, "keys": before + [{"id": id_, "public": public, "from": first, "to": 2**63}]}


def announced(trust, records):
    """Return the policy with the keys that records announce, and the index of the record that announces the last one."""
    later, last = trust, None
    for r in sorted(records, key=lambda r: r["index"]):
        try:
            leaf = parse_leaf(r["entry"])
            statement = leaf["open"].get("statement") if leaf["type"] == KEY_CHANGED else None
            if isinstance(statement, str):
                then = after(later, statement)
                if then is not later and then["keys"][-1]["from"] == r["index"] + 1:
                    later, last = then, r["index"]
        except Bad:
            pass
    return later, last


def following(trust, file):
    """Return the policy under which evidence is verified, and what announced does where that is not the given one.

    It is another where the checkpoint is Bad under the given one, and not with the keys that the file announces.
    """

    def believes(policy):
        return Report().attempt("checkpoint", None, lambda: open_checkpoint(policy, file.checkpoint)) == PASS

    if believes(trust):
        return trust, None
    later, last = announced(trust, file.records)
    return (later, last) if last is not None and believes(later) else (trust, None)


# Section 16: anchors. Keccak-256, RLP, and the trie of receipts.


def round_constants():
    """Return those of Keccak-f[1600], from the register that defines them."""
    out, r = [], 1
    for _ in range(24):
        c = 0
        for j in range(7):
            if r & 1:
                c |= 1 << (1 << j) - 1
            r = r << 1 ^ (0x171 if r >> 7 else 0)
        out.append(c)
    return out


ROUNDS = round_constants()
LANE = (1 << 64) - 1


def rotated(lane, n):
    return (lane << n | lane >> 64 - n) & LANE if n else lane


def keccak(b):
    """Return Keccak-256 as Ethereum has it, whose padding is not that of SHA-3."""
    b = bytearray(b + b"\1" + bytes(135 - len(b) % 136))
    b[-1] |= 0x80
    a = [0] * 25  # lane x, y at x + 5y
    for at in range(0, len(b), 136):
        for i in range(17):
            a[i] ^= int.from_bytes(b[at + 8 * i : at + 8 * i + 8], "little")
        for constant in ROUNDS:
            c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
            d = [c[x - 1] ^ rotated(c[(x + 1) % 5], 1) for x in range(5)]
            a = [lane ^ d[i % 5] for i, lane in enumerate(a)]
            x, y, current = 1, 0, a[1]
            moved = a[:]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                moved[x + 5 * y], current = rotated(current, (t + 1) * (t + 2) // 2 % 64), a[x + 5 * y]
            a = [moved[i] ^ ~moved[i - i % 5 + (i + 1) % 5] & moved[i - i % 5 + (i + 2) % 5] & LANE for i in range(25)]
            a[0] ^= constant
    return b"".join(lane.to_bytes(8, "little") for lane in a[:4])


def rlp_first(b):
    """Split off the first item: whether it is a list, its content, and the rest."""
    require(b, "RLP is cut off")
    first, rest = b[0], b[1:]
    if first < 0x80:
        return False, b[:1], rest
    is_list = first >= 0xC0
    size = first - (0xC0 if is_list else 0x80)
    if size > 55:
        n = size - 55
        require(len(rest) >= n, "RLP is cut off")
        size = int.from_bytes(rest[:n], "big")
        require(rest[0] and size > 55, "RLP is not in its shortest form")
        rest = rest[n:]
    require(size <= len(rest), "RLP is cut off")
    content, rest = rest[:size], rest[size:]
    require(is_list or size != 1 or content[0] >= 0x80, "RLP is not in its shortest form")
    return is_list, content, rest


def rlp_items(item):
    """Return the items of a list, each a pair of whether it is a list and its content."""
    require(item[0], "bytes stand where a list should")
    out, b = [], item[1]
    while b:
        is_list, content, b = rlp_first(b)
        out.append((is_list, content))
    return out


def rlp_list(b):
    is_list, content, rest = rlp_first(b)
    require(not rest, "something follows RLP")
    return rlp_items((is_list, content))


def rlp_bytes(item, size=None):
    require(not item[0], "a list stands where bytes should")
    require(size is None or len(item[1]) == size, f"RLP has {len(item[1])} bytes where {size} should stand")
    return item[1]


def rlp_number(item):
    b = rlp_bytes(item)
    require(len(b) <= 8 and b[:1] != b"\0", "RLP has no number of 64 bits")
    return int.from_bytes(b, "big")


def rlp_of_number(n):
    b = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return b if len(b) == 1 and b[0] < 0x80 else bytes([0x80 + len(b)]) + b


def half_bytes(b):
    return [h for c in b for h in (c >> 4, c & 15)]


def trie_value(root, key, nodes):
    key = half_bytes(key)
    for depth, node in enumerate(nodes):
        require(keccak(node) == root, f"node {depth} is not the one that the header or the node above it names")
        items = rlp_list(node)
        if len(items) == 17:
            ok = all(not is_list and len(b) in (0, 32) for is_list, b in items[:16]) and items[16] == (False, b"")
            require(ok, f"node {depth} is a branch that no trie of receipts has")
            require(key, f"node {depth} is a branch where the path should have ended")
            below, key = items[key[0]], key[1:]
        else:
            require(len(items) == 2, f"node {depth} has not 2 or 17 items")
            path = half_bytes(rlp_bytes(items[0]))
            require(path and path[0] <= 3 and (path[0] & 1 or path[1] == 0), f"the path of node {depth} is not encoded as one")
            leaf, part = path[0] & 2, path[2 - (path[0] & 1) :]
            require(leaf or part, f"node {depth} is an extension without a path")
            require(key[: len(part)] == part and not (leaf and len(part) < len(key)), f"node {depth} leads to another receipt")
            if leaf:
                require(depth == len(nodes) - 1, "nodes follow the last one")
                return rlp_bytes(items[1])
            below, key = items[1], key[len(part) :]
        root = rlp_bytes(below, 32)
    raise Bad("the last node is missing")


ANCHORED = keccak(b"Anchored(address,bytes32,uint64,bytes32,uint64,uint64,bytes32,bytes24)")
ADDRESS = re.compile("0x([0-9a-f]{40})")
BLOCK_HASH = re.compile("0x([0-9a-f]{64})")


def unhex(v, what, pattern):
    m = pattern.fullmatch(text(v, what))
    require(m, f"{what} is not in hexadecimal digits of lower case")
    return bytes.fromhex(m[1])


Block = collections.namedtuple("Block", "hash number time")


class ChainProof:
    """That a contract logged an anchor, as it stands in evidence."""

    def __init__(self, o):
        strict(o, "chain", ("id", "contract", "header", "transaction", "log", "receipt"), ("finality",))
        self.id, self.contract = integer(o["id"], "id"), unhex(o["contract"], "contract", ADDRESS)
        self.header = unbase64(o["header"], "header")
        require(len(self.header) <= 2048, "header is longer than 2,048 bytes")
        self.transaction, self.log = integer(o["transaction"], "transaction"), integer(o["log"], "log")
        self.nodes = [unbase64(n, "a node of a receipt") for n in array(o["receipt"], "receipt", 19)]
        require(self.nodes and all(len(n) <= 65536 for n in self.nodes), "receipt has no nodes, or one longer than 65,536 bytes")

    def verify(self, origin, head):
        """Return the block, and who sent it, when the event is of this head."""
        items = rlp_list(self.header)
        require(len(items) >= 15, "the header has less than 15 items")
        rlp_bytes(items[0], 32)
        block = Block(keccak(self.header), rlp_number(items[8]), rlp_number(items[11]))
        require(block.number < 2**53 and block.time < 2**40, "the header has a number or a time that no block has")
        receipt = trie_value(rlp_bytes(items[5], 32), rlp_of_number(self.transaction), self.nodes)
        if receipt[:1] <= b"\x7f":
            receipt = receipt[1:]
        items = rlp_list(receipt)
        require(len(items) >= 4, "the receipt has less than 4 items")
        require(items[0] == (False, b"\1"), "the transaction did not succeed")
        logs = rlp_items(items[3])
        require(self.log < len(logs), "the receipt has no such log")
        log = rlp_items(logs[self.log])
        require(len(log) == 3 and rlp_bytes(log[0], 20) == self.contract, "the log is of another contract")
        words = [rlp_bytes(t, 32) for t in rlp_items(log[1])]
        data = rlp_bytes(log[2])
        require(len(words) == 4 and len(data) == 160 and words[0] == ANCHORED, "the log is no event Anchored")
        _, by, of, size, root, number, time, _, history = words + [data[i : i + 32] for i in range(0, 160, 32)]
        require(not any(by[:12] + size[:24] + number[:24] + time[:24] + history[24:]), "the event has something else than zeros where its values are padded")
        require(of == H(origin.encode()), "the event is of another ledger")
        require(int.from_bytes(size, "big") == head.size and root == head.root, "the event is of another checkpoint")
        return block, by[12:]


def parse_chains(v):
    chains = []
    for c in array(v, "chains", 16):
        strict(c, "a chain", ("id", "contract", "publishers"), ("name", "testnet", "blocks"))
        out = {"id": integer(c["id"], "id", 1), "contract": unhex(c["contract"], "contract", ADDRESS), "publishers": [], "blocks": []}
        testnet = c.get("testnet", False)
        require(type(testnet) is bool, "testnet is not a boolean")
        out["name"] = (text(c.get("name", ""), "name") or f"chain {c['id']}") + (" (a testnet: an anchor there is for trying things out)" if testnet else "")
        require(all((o["id"], o["contract"]) != (out["id"], out["contract"]) for o in chains), "a contract stands there twice for one chain")
        for p in array(c["publishers"], "publishers", 64):
            strict(p, "a publisher", ("address",), ("from", "to"))
            first, last = range_of(p)
            out["publishers"].append((unhex(p["address"], "address", ADDRESS), first, last))
        require(out["publishers"], "publishers is empty")
        for b in array(c.get("blocks", []), "blocks", 1024):
            strict(b, "a block", ("number", "hash"), ("time",))
            time = integer(b["time"], "time", 1) if "time" in b else None
            require(time is None or time < 2**40, "time is not that of a block")
            out["blocks"].append((integer(b["number"], "number"), unhex(b["hash"], "hash", BLOCK_HASH), time))
        require("blocks" not in c or out["blocks"], "blocks is empty")
        chains.append(out)
    require(chains, "chains is empty")
    return chains


def range_of(o, end="to"):
    first, last = integer(o.get("from", 0), "from"), integer(o[end], end, 1) if end in o else 2**63
    require(first <= last, f"from is greater than {end}")
    return first, last


# Section 8: the trust policy.


def unbase64url(s, what, size=None):
    require(re.fullmatch("[A-Za-z0-9_-]*", text(s, what)), f"{what} is not base64url")
    return unbase64(s.translate({45: "+", 95: "/"}) + "=" * (-len(s) % 4), what, size)


def verifier_key(s, algorithm):
    """Return name, id and public key of a C2SP verifier key."""
    name, id_, b = (text(s, "a key").split("+", 2) + ["", ""])[:3]
    require(name and not NO_NAME.search(name), "a key has no name")
    b = unbase64(b, "a key", 33)
    require(b[0] == algorithm, f"a key is not of type {algorithm}")
    require(id_.lower() == H(name.encode(), b"\n", b)[:4].hex(), "the id of a key is another")
    return name, id_.lower(), b[1:]


def parse_witnesses(w):
    """Return quorum, tolerance in milliseconds, and public keys by name and id."""
    strict(w, "witnesses", ("quorum", "keys"), ("toleranceSeconds",))
    keys = {}
    for k in array(w["keys"], "keys of witnesses", 32):
        name, id_, public = verifier_key(k, 4)
        keys[name, id_] = public
    require(integer(w["quorum"], "quorum", 1) <= len(set(keys.values())), "quorum is of more witnesses than there are public keys")
    tolerance = integer(w.get("toleranceSeconds", 300), "toleranceSeconds", 1)
    require(tolerance <= 2**31, "toleranceSeconds is greater than 2^31")
    return {"quorum": w["quorum"], "tolerance": 1000 * tolerance, "keys": keys}


def parse_trust(b):
    try:
        t = parse(b)
    except Unread as e:
        raise Bad(f"the trust policy is not JSON: {e}") from e
    require(len(b) <= 1 << 20, "the trust policy is longer than 1 MiB")
    reserved = ("stamps", "maxAgeSeconds")  # whose demands this program cannot check
    strict(t, "the trust policy", ("v", "origin", "genesis", "keys", "vrf"), ("submitters", "witnesses", "chains") + reserved)
    require(t["v"] == "lendlog-trust/1", "v is not lendlog-trust/1")
    require(re.fullmatch("[!-*,-~]{1,255}", text(t["origin"], "origin")), "origin is not a name")
    out = {"origin": t["origin"], "genesis": unbase64(t["genesis"], "genesis", 32), "keys": [], "submitters": []}
    out["vrf"] = unbase64(t["vrf"], "vrf", 32)
    require(any(out["vrf"]) and ristretto_decode(out["vrf"]), "vrf is not a key")
    for k in array(t["keys"], "keys"):
        strict(k, "a key", ("key",), ("from", "to"))
        name, id_, public = verifier_key(k["key"], 1)
        require(name == t["origin"], "the name of a key is not the origin")
        first, last = range_of(k)
        out["keys"].append({"id": id_, "public": public, "from": first, "to": last})
    require(out["keys"], "keys is empty")
    for s in array(t.get("submitters", []), "submitters"):
        strict(s, "a submitter", ("id", "jwk"), ("from", "until"))
        text(s["id"], "id")
        jwk, ec = s["jwk"], isinstance(s["jwk"], dict) and s["jwk"].get("kty") == "EC"
        strict(jwk, "jwk", ("kty", "crv", "x", "y") if ec else ("kty", "crv", "x"), ("kid", "use", "alg", "key_ops"))
        if ec:
            require(jwk["crv"] == "P-256", "the curve is unknown")
            q = tuple(int.from_bytes(unbase64url(jwk[c], c, 32), "big") for c in "xy") + (1,)
            require(on_p256(q), "the key is not on P-256")
            key = "ES256", q
        else:
            require(jwk["kty"] == "OKP" and jwk["crv"] == "Ed25519", "the key is neither Ed25519 nor P-256")
            key = "EdDSA", unbase64url(jwk["x"], "x", 32)
        out["submitters"].append((s["id"],) + key + range_of(s, "until"))
    out["witnesses"] = parse_witnesses(t["witnesses"]) if "witnesses" in t else None
    out["tolerance"] = out["witnesses"]["tolerance"] if out["witnesses"] else 300_000
    out["chains"] = parse_chains(t["chains"]) if "chains" in t else None
    out["reserved"] = [name for name in reserved if name in t]
    return out


# Section 11: the submitter's signature.


def rebuild(type_, time, values, data):
    """Return the event of sealed values by pointer; absent ones are None or not there."""
    e = {"specversion": "1.0", "type": type_, "time": time}
    e.update(values.get("/extensions") or {})
    for pointer in ATTRIBUTES:
        if pointer != "/extensions" and values.get(pointer) is not None:
            e[pointer[1:]] = values[pointer]
    data = dict(data)
    for pointer, v in values.items():
        if pointer.startswith("/data/") and v is not None:
            data[pointer[6:]] = v
    e["data"] = data
    return e


def check_signature(trust, index, submitter, event):
    """Return who signed, in words, when a key of the submitter that may signed the event of that record."""
    keys = [k[1:] for k in trust["submitters"] if k[0] == submitter]
    if not keys:
        raise Missing(f"the policy has no key of {submitter}")
    jws = event.get("signature")
    if jws is None:
        raise Missing("the event bears no signature")
    head, middle, sig = (jws.split(".", 2) + ["", ""])[:3]
    require(jws.count(".") == 2 and middle == "", "the signature is not a detached JWS")
    sig = unbase64url(sig, "the signature", 64)
    try:
        header = parse(unbase64url(head, "the header of the signature"))
    except Unread as e:
        raise Bad(f"the header of the signature is not JSON: {e}") from e
    strict(header, "the header of the signature", ("alg", "kid", "origin"))
    require(header["kid"] == submitter, "the signature is of another submitter")
    require(header["origin"] == trust["origin"], "the signature is for another ledger")
    payload = canonical({name: v for name, v in event.items() if name != "signature"}).encode()
    signed = (head + "." + base64.urlsafe_b64encode(payload).decode().rstrip("=")).encode()
    verifies = {"EdDSA": ed25519, "ES256": es256}
    for alg, key, first, last in keys:
        if first <= index <= last and alg == header["alg"] and verifies[alg](key, signed, sig):
            return f"signed by {submitter}"
    raise Bad("the signature is wrong, or of none of the submitter's keys that may sign this record")


# Section 10: verdicts.


class Report:
    """A list of checks, and what the records say whose every check passed."""

    def __init__(self):
        self.checks, self.said = [], []
        self.count = dict.fromkeys((PASS, FAIL, MISSING, NOTE), 0)

    def add(self, name, record, result, words):
        where = {} if record is None else {"record": record}
        self.checks.append({"name": name, **where, "result": result, "text": words})
        self.count[result] += 1

    def attempt(self, name, record, check):
        """Make a check and return its result; check returns what it found in words, None for nothing to say."""
        try:
            result, found = PASS, check()
        except Bad as e:
            result, found = FAIL, str(e)
        except Missing as e:
            result, found = MISSING, str(e)
        if found is not None:
            self.add(name, record, result, found)
        return result

    def verdict(self):
        if self.count[FAIL]:
            return "INVALID"
        return "INCOMPLETE" if self.count[MISSING] or not self.count[PASS] else "VALID"

    def say(self, record, what, *value):
        self.said.append(dict(zip(("record", "what", "value"), (record, what) + value)))

    def json(self):
        v = self.verdict()
        return {"verdict": v, "checks": self.checks, "shown": [] if v == "INVALID" else self.said}


MANY = 100  # failed checks after which a verifier looks no further


class Evidence:
    """Evidence of section 7, parsed."""

    MEMBERS = ("v", "checkpoint", "genesis", "schemas", "records")

    def __init__(self, o):
        for name in self.MEMBERS:
            require(name in o, f"the evidence lacks {name}")
        self.unknown = [name for name in o if name not in self.MEMBERS + ("completeness", "witnesses", "anchors")]
        self.checkpoint = text(o["checkpoint"], "checkpoint")
        strict(o["genesis"], "genesis", ("entry", "proof"))
        self.genesis = text(o["genesis"]["entry"], "entry").encode(), proof_of(o["genesis"])
        self.schemas = [text(s, "a schema").encode() for s in array(o["schemas"], "schemas")]
        self.records = [self.record(r) for r in array(o["records"], "records")]
        require(self.records, "the evidence has no record")
        self.claims = []
        if "completeness" in o:
            for c in array(o["completeness"], "completeness", 1024):
                strict(c, "a claim of completeness", ("subject", "proof", "map"))
                subject, map_ = text(c["subject"], "subject"), unbase64(c["map"], "map")
                require(len(map_) <= 16384, "map is longer than 16 KiB")
                self.claims.append((subject, unbase64(c["proof"], "proof", 80), map_))
            require(self.claims, "completeness is empty")
        self.witnesses = []
        if "witnesses" in o:
            for w in array(o["witnesses"], "witnesses", 2048):
                strict(w, "a checkpoint under witnesses", ("checkpoint", "proof"))
                self.witnesses.append((text(w["checkpoint"], "checkpoint"), proof_of(w)))
            require(self.witnesses, "witnesses is empty")
        self.anchors = parse_anchors(o)

    @staticmethod
    def record(r, proved=True):
        """Parse a record with a proof of its own, or one that must not have one."""
        strict(r, "a record", ("index", "entry", "disclosures") + (("proof",) if proved else ()), ("subject",))
        out = {"index": integer(r["index"], "index"), "entry": text(r["entry"], "entry").encode(), "proof": proof_of(r) if proved else None}
        out["disclosures"] = []
        for d in array(r["disclosures"], "disclosures"):
            strict(d, "a disclosure", ("disclosure", "proof"))
            out["disclosures"].append((text(d["disclosure"], "disclosure"), proof_of(d)))
        if "subject" in r:
            s = strict(r["subject"], "subject", ("subject", "proof"))
            out["subject"] = text(s["subject"], "subject"), unbase64(s["proof"], "proof", 80)
        return out


def parse_anchors(o):
    anchors = []
    if "anchors" in o:
        for a in array(o["anchors"], "anchors", 2048):
            strict(a, "an anchor", ("checkpoint", "proof"), ("chain", "stamp"))
            require(("chain" in a) != ("stamp" in a), "an anchor has not either chain or stamp")
            require("stamp" not in a or len(unbase64(a["stamp"], "stamp")) <= 65536, "stamp is longer than 65,536 bytes")
            anchors.append((text(a["checkpoint"], "checkpoint"), proof_of(a), ChainProof(a["chain"]) if "chain" in a else None))
        require(anchors, "anchors is empty")
    return anchors


def proof_of(o):
    return [unbase64(h, "a hash of a proof", 32) for h in array(o["proof"], "proof", 63)]


def check_checkpoint(report, trust, note):
    """Return the head, or None."""
    out = []

    def check():
        out.append(open_checkpoint(trust, note))
        return f"{trust['origin']} at {out[0].size} records, signed by a trusted key"

    return out[0] if report.attempt("checkpoint", None, check) == PASS else None


def check_cosigned(report, trust, heads):
    """Say whether a quorum cosigned one of these heads."""

    def check():
        n, quorum = max(len(h.times) for h in heads), trust["witnesses"]["quorum"]
        if n < quorum:
            raise Missing(f"{n} of the {quorum} witnesses that the policy asks for have cosigned the tree; ask for it again once they have")
        return f"{n} witnesses of the policy cosigned the tree, and {quorum} are asked for"

    return report.attempt("witnesses", None, check) == PASS


def clock(seconds):
    """Write the time of a witness, which may lie behind the years that Python counts."""
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=min(seconds, 253402300799))).isoformat() + "Z"


def check_dated_forward(trust, recorded, before):
    late = milliseconds(recorded) > 1000 * before + trust["tolerance"]
    require(not late, f"it says that it was recorded at {recorded}, but the ledger was cosigned or anchored with it by {clock(before)}: it was dated forward")


def check_entry(report, record, b, head, proof, of_receipt=False):
    """Return the leaf, or None. Of a record without a proof, but for a receipt's, that it is included shows elsewhere."""
    leaf = {}

    def entry():
        leaf.update(parse_leaf(b))
        if leaf["type"] == INDEX_ROOT:
            require(not of_receipt, "a receipt is of a record, not of an index-root")
            require(leaf["covers"] == record, f"the index-root covers {leaf['covers']} leaves but stands at {record}")
        require(all(i < record for i in leaf.get("refs", ())), "it follows from a record that does not lie before it")
        return "its bytes are a leaf of format lendlog/1"

    def inclusion():
        require(record < head.size, f"the checkpoint covers {head.size} records only")
        if proof is None and head.size > 1:
            raise Missing("the receipt holds no inclusion proof; ask the ledger for it")
        require(included(leaf_hash(b), record, head.size, proof or [], head.root), "the inclusion proof does not lead from the leaf to the root")
        return f"leaf {record} of {head.size}"

    ok = report.attempt("entry", record, entry) == PASS
    if proof is not None or of_receipt:
        ok = ok and report.attempt("inclusion", record, inclusion) != FAIL
    return leaf if ok else None


def verify_evidence(report, trust, o, receipts):
    files = []
    if report.attempt("format", None, lambda: files.append(Evidence(o))) == FAIL:
        return
    file = files[0]
    policy, announcing = following(trust, file)
    head = check_checkpoint(report, policy, file.checkpoint)
    if announcing is not None:
        report.add("checkpoint", None, MISSING, f"it is signed with a key that the trust file does not name; record {announcing} announces that key, under one that it names: get the ledger's new trust file from where you got yours")
    if head:
        Records(report, policy, file, head).verify(receipts)
    for name in file.unknown:
        report.add("sections", None, MISSING, f"the file has a section {name} that is not known; use a newer program")


def read_schema(b):
    """Return the Schema, or why it cannot be read, which counts only where a record needs it."""
    try:
        return Schema(b)
    except Bad as e:
        return e


class Records:
    """The records of a file of evidence whose checkpoint is believed."""

    def __init__(self, report, trust, file, head):
        self.report, self.trust, self.file, self.head = report, trust, file, head
        self.heads = [head]  # and those under witnesses that go with it
        self.blocks = []  # with anchors: size, block, whether it is confirmed, chain of the policy
        self.schemas = {H(b): read_schema(b) for b in file.schemas}
        self.claimed = {}  # by term: subject and map proof of a claim of completeness
        self.leaves = {}  # by index: of the records that are under the checkpoint
        self.by_term = {}  # entries with their indexes, ascending
        self.complete = set()  # the terms whose claims hold
        self.proved = {}  # terms by subject and VRF proof: many records may have the same

    def verify(self, receipts):
        self.report.attempt("genesis", None, self.genesis)
        for w in self.file.witnesses:
            self.report.attempt("witnesses", None, lambda: self.witnessed(*w))
        if self.trust["witnesses"]:
            check_cosigned(self.report, self.trust, [h for h in self.heads if h.size >= self.head.size])
        for a in self.file.anchors:
            self.report.attempt("anchors", None, lambda: self.anchor(*a))
        for c in self.file.claims:
            self.report.attempt("subject", None, lambda: self.claim(*c))
        for r in self.file.records:
            self.record(r)
            if self.report.count[FAIL] > MANY:
                self.report.add("format", None, MISSING, "so much failed that the rest was not looked at")
                return
        self.entries = [(i, e) for i, e in sorted(self.leaves.items()) if e["type"] != INDEX_ROOT]
        self.chains()
        if self.trust["witnesses"]:
            self.times()
        if self.trust["chains"]:
            for i, e in self.leaves.items():
                if e["type"] == KEY_CHANGED:
                    continue
                self.report.attempt("anchors", i, lambda: self.anchored(i))
                if e["type"] != INDEX_ROOT:
                    self.report.attempt("time", i, lambda: self.anchored_after(i, e["recorded"]))
            self.observations()
        for term, (subject, map_) in self.claimed.items():
            if self.report.attempt("complete", None, lambda: self.completeness(term, subject, map_)) == PASS:
                self.complete.add(term)
                self.report.add("complete", None, NOTE, "that the map itself is right is shown by whoever replays the log")
        for rc in receipts:
            self.report.attempt("receipt", rc["index"], lambda: self.against(rc))

    def genesis(self):
        b, proof = self.file.genesis
        require(leaf_hash(b) == self.trust["genesis"], "the ledger begins with another record than the policy pins: it is another ledger")
        require(included(leaf_hash(b), 0, self.head.size, proof, self.head.root), "the genesis record is not the first under this checkpoint")
        e = parse_leaf(b)
        named = e["type"], e.get("open", {}).get("origin"), e.get("open", {}).get("vrfKey")
        want = "org.lendlog.genesis.v1", self.trust["origin"], to64(self.trust["vrf"])
        require(named == want, "the first record is not a genesis record with the origin and the VRF key of the policy")
        return "the ledger is the one that the policy pins"

    def connected(self, note, proof):
        """Return the head of another checkpoint of the file."""
        h = open_checkpoint(self.trust, note)
        old, new = sorted((h, self.head), key=lambda h: h.size)
        require(consistent(old, new, proof), f"the ledger signed a tree of {old.size} records and one of {new.size}, and the file does not show that the larger continues the smaller")
        return h

    def witnessed(self, note, proof):
        self.heads.append(self.connected(note, proof))

    def anchor(self, note, proof, on_chain):
        """Verify an anchor, and keep it where it is on a chain of the policy."""
        h = self.connected(note, proof)
        if on_chain is None:
            return
        block, by = on_chain.verify(self.trust["origin"], h)
        for c in self.trust["chains"] or []:
            if (c["id"], c["contract"]) == (on_chain.id, on_chain.contract) and any(a == by and first <= h.size <= last for a, first, last in c["publishers"]):
                known = [hash_ for number, hash_, _ in c["blocks"] if number == block.number]
                confirmed = block.hash in known
                require(confirmed or not known, f"it is said to be in block {block.number} of {c['name']} with the hash 0x{block.hash.hex()}, and the policy knows another block at this height")
                self.blocks.append((h.size, block, confirmed, c))

    def block_with(self, index):
        """Return the earliest confirmed block with a checkpoint that covers a leaf, else an unconfirmed one, or None."""
        covering = [b for b in self.blocks if b[0] > index]
        return min(covering, key=lambda b: (not b[2], b[1].time), default=None)

    def anchored(self, index):
        found = self.block_with(index)
        if not found:
            raise Missing("no checkpoint with it was anchored, on a chain and by a publisher that the policy names, so far as the file shows; ask for evidence once one is")
        _, block, confirmed, c = found
        if not confirmed:
            raise Missing(f"it is anchored in block {block.number} of {c['name']}, which is not confirmed: look up whether the chain has, and finally, the block with the hash 0x{block.hash.hex()}, and name it in the trust file")
        return f"anchored on {c['name']} in block {block.number}, 0x{block.hash.hex()}"

    def anchored_after(self, index, recorded):
        found = self.block_with(index)
        if not found or not found[2]:
            return None
        at = found[1].time
        late = milliseconds(recorded) > 1000 * at + self.trust["tolerance"]
        require(not late, f"it says that it was recorded at {recorded}, but it was anchored by {clock(at)}: it was dated forward")
        return f"it was there by {clock(at)}, by its anchors"

    def term_of(self, subject, proof):
        if (subject, proof) not in self.proved:
            self.proved[subject, proof] = term_of(self.trust["vrf"], subject, proof)
        return self.proved[subject, proof]

    def claim(self, subject, proof, map_):
        term = self.term_of(subject, proof)
        require(term not in self.claimed, f"completeness of {subject} is claimed twice")
        self.claimed[term] = subject, map_

    def record(self, r):
        report, index = self.report, r["index"]
        leaf = check_entry(report, index, r["entry"], self.head, r["proof"])
        if not leaf:
            return
        if leaf["type"] == INDEX_ROOT and (r["disclosures"] or "subject" in r):
            report.add("disclosure", index, FAIL, "an index-root has nothing to disclose")
            return
        self.leaves[index] = {**leaf, "hash": leaf_hash(r["entry"])}
        if leaf["type"] == INDEX_ROOT:
            report.say(index, "type", INDEX_ROOT)
            report.say(index, "covers", leaf["covers"])
            return
        values, schema = {}, None
        if r["disclosures"]:
            values, schema = self.disclosures(r, leaf)
        else:
            report.add("disclosure", index, NOTE, "nothing is disclosed; its sealed members stay committed")
        # Whose record it is shows without them too.
        if report.attempt("subject", index, lambda: self.subject(r, leaf, values)) == FAIL or values is None:
            return
        if self.trust["submitters"] and leaf["type"] not in (OBSERVED, KEY_CHANGED):
            report.attempt("submitter", index, lambda: self.submitter(index, leaf, values, schema))
        say_entry(report, index, leaf)
        for pointer, value in values.items():
            report.say(index, pointer, *([] if value is None else [value]))

    def disclosures(self, r, leaf):
        """Return the values by pointer and the schema; None for both when they could not be verified."""
        parsed, values, schema = [], {}, []

        def canonical_once():
            for s, proof in r["disclosures"]:
                pointer, value = parse_disclosure(s)
                require(pointer not in values, f"{pointer} is disclosed twice")
                values[pointer] = value
                parsed.append((leaf_hash(s.encode()), pointer, value, proof))
            if leaf["type"] == RESTRICTED and "/type" in values:
                require(right_kind("/type", values["/type"]), "/type is not a name and the hash of a schema")

        def find_schema():
            name, h = leaf["type"], leaf["schema"]
            if name == RESTRICTED:
                if "/type" not in values:
                    raise Missing("the members of a restricted record are verified together with /type; ask for evidence that discloses it")
                name, h = values["/type"]["name"], unbase64(values["/type"]["schema"], "schema")
            if h not in self.schemas:
                raise Missing(f"the file lacks the schema {to64(h)}, so the disclosures cannot be placed")
            s = self.schemas[h]
            if isinstance(s, Bad):
                raise Missing(f"the schema cannot be read, so the disclosures cannot be placed: {s}")
            restricted = leaf["type"] == RESTRICTED
            require(s.type == name and s.restricted == restricted, f"the schema is of {s.type}, which does not go with the entry")
            require(s.opens.issuperset(leaf["open"]), "the entry shows a member of data that the schema does not open")
            schema.append(s)
            return f"{s.type}, by its hash"

        def committed():
            places = schema[0].places
            for h, pointer, value, proof in parsed:
                require(pointer in places, f"{pointer} is no sealed member of {schema[0].type}")
                ok = included(h, places[pointer], len(places), proof, leaf["sealed"])
                require(ok, f"{pointer} is not what the entry committed to")
                ok = right_kind(pointer, value) if value is not None else pointer not in NEVER_ABSENT
                require(ok, f"{pointer} has a value of the wrong type, or none")
            return f"{len(parsed)} of {len(places)} sealed members are shown, each as committed"

        for name, check in (("disclosure", canonical_once), ("schema", find_schema), ("disclosure", committed)):
            if self.report.attempt(name, r["index"], check) != PASS:
                return None, None
        return values, schema[0]

    def subject(self, r, leaf, values):
        shown = (values or {}).get("/subject")
        if "subject" in r:
            name, proof = r["subject"]
            require(shown in (None, name), "the subject that is proved is not the one that is disclosed")
            require(self.term_of(name, proof) == leaf["term"], "it is not a record of the subject that is claimed")
        elif leaf["term"] in self.claimed:
            name = self.claimed[leaf["term"]][0]
            require(shown in (None, name), "the disclosed subject is not the one whose chain the record stands in")
        elif shown is not None:
            raise Missing("its subject is disclosed, but the file lacks the proof that the record is of it")
        else:
            return None
        return f"record {leaf['seq']} of {name}"

    def submitter(self, index, leaf, values, schema):
        if schema is None or len(values) < len(schema.places):
            raise Missing("the submitter's signature covers the whole event: ask for evidence that discloses all members")
        time, id_ = leaf.get("time"), leaf.get("submitter")
        if leaf["type"] == RESTRICTED:
            time, id_ = values["/time"], values["/submitter"]
        return check_signature(self.trust, index, id_, rebuild(schema.type, time, values, leaf["open"]))

    def chains(self):
        """Hold the records against each other: that time does not run back, and that those of one term are a chain."""
        at, before, last = {}, None, {}
        for i, e in self.entries:
            if before and e["recorded"] < before["recorded"]:
                self.report.add("time", i, FAIL, "it was recorded before a record that lies before it")
            before = e
            other = last.get(e["term"], e)
            if other is not e and other["seq"] >= e["seq"]:
                self.report.add("chain", i, FAIL, f"it is number {e['seq']} of its subject, and a record that lies before it is number {other['seq']}")
            at[e["term"], e["seq"]], last[e["term"]] = (i, e), e
            self.by_term.setdefault(e["term"], []).append((i, e))
        for i, e in self.entries:
            if (e["term"], e["seq"] - 1) in at:
                j, other = at[e["term"], e["seq"] - 1]
                follows = e["prev"] == other["hash"]
                words = f"the subject's next record after record {j}" if follows else f"it does not follow from record {j}, the one before"
                self.report.add("chain", i, PASS if follows else FAIL, words)

    def times(self):
        """Hold when records were recorded against when witnesses cosigned the trees before and after them."""
        quorum = self.trust["witnesses"]["quorum"]
        heads = sorted((h for h in self.heads if len(h.times) >= quorum), key=lambda h: h.size)
        earliest = [None]  # times of the heads from each one on
        for h in reversed(heads):
            t = h.times[quorum - 1]
            earliest.append(t if earliest[-1] is None else min(t, earliest[-1]))
        passed, after = 0, None  # heads without the record, and the latest of their times
        for i, e in self.entries:
            if e["type"] == KEY_CHANGED:
                continue
            while passed < len(heads) and heads[passed].size <= i:
                t = heads[passed].times[-quorum]
                passed, after = passed + 1, t if after is None else max(t, after)
            self.report.attempt("time", i, lambda: self.between(e["recorded"], after, earliest[len(heads) - passed]))

    def between(self, recorded, after, before):
        if after is not None and milliseconds(recorded) < 1000 * after - self.trust["witnesses"]["tolerance"]:
            raise Bad(f"it says that it was recorded at {recorded}, but witnesses cosigned the ledger without it at {clock(after)}: it was dated back")
        if before is None:
            raise Missing("the file has no checkpoint with the record that witnesses cosigned, which would show when it was there; ask for evidence once there is one")
        check_dated_forward(self.trust, recorded, before)
        if after is None:
            raise Missing("the file has no checkpoint before the record that witnesses cosigned, which would show when it was not there yet; ask for evidence with one")
        return f"recorded between {clock(after)} and {clock(before)}, by the witnesses' clocks"

    def observations(self):
        """Hold when records were recorded against the blocks that records before them name."""
        latest = None
        for i, e in self.entries:
            if e["type"] == OBSERVED:
                found = []
                if self.report.attempt("time", i, lambda: found.append(self.observed(e["open"]))) == PASS and found[0]:
                    latest = max(latest or 0, found[0])
            if latest is not None:
                early = milliseconds(e["recorded"]) < 1000 * latest - self.trust["tolerance"]
                words = f"it says that it was recorded at {e['recorded']}, but names, or lies behind a record that names, a block of {clock(latest)}: it was dated back"
                self.report.add("time", i, FAIL if early else PASS, words if early else f"it was recorded after a block of {clock(latest)}")

    def observed(self, said):
        """Return the time of the block that a record names, if the policy has both."""
        block, hash_ = said.get("block"), said.get("blockHash")
        m = BLOCK_HASH.fullmatch(hash_) if isinstance(hash_, str) else None
        if not m or type(said.get("chain")) is not int or type(block) is not int:
            return None
        known = [(h, t) for c in self.trust["chains"] if c["id"] == said["chain"] for number, h, t in c["blocks"] if number == block]
        same = [t for h, t in known if h.hex() == m[1]]
        require(same or not known, f"it names block {block} of chain {said['chain']} with the hash {hash_}, and the policy knows another block at this height")
        return same[0] if same else None

    def completeness(self, term, subject, map_):
        last = self.leaves.get(self.head.size - 1, {"type": None})
        if last["type"] != INDEX_ROOT:
            raise Missing("the last leaf under the checkpoint is not an index-root that is in the file; ask for evidence with it")
        mine = self.by_term.get(term, [])
        for n, (i, e) in enumerate(mine, 1):  # that each follows from the one before, chains has verified
            require(e["seq"] == n, f"record {i} is number {e['seq']} of {subject}, and number {n} is not in the file")
        value = len(mine).to_bytes(8, "big") + mine[-1][1]["hash"] if mine else None
        try:
            map_proves(last["root"], term, value, map_)
        except Bad as e:
            raise Bad(f"the map of all subjects does not show that {subject} has exactly these {len(mine)} records: {e}") from e
        return f"these are all {len(mine)} records of {subject} among the {self.head.size} under the checkpoint"

    def against(self, rc):
        """Hold a receipt against the file."""
        own = Report()
        verify_receipt(own, self.trust, rc, None)
        for c in own.checks:
            require(c["result"] != FAIL, f"the receipt itself does not verify: {c['text']}")
        head = open_checkpoint(self.trust, rc["checkpoint"])
        if rc["proof"] is None and head.size > 1:
            raise Missing("the receipt holds no inclusion proof, so it accuses nobody")
        require(head.size != self.head.size or head.root == self.head.root, f"the ledger signed two trees of {head.size} records: it was forked; keep both files")
        i, leaf = rc["index"], parse_leaf(rc["entry"])
        if i in self.leaves:
            same = self.leaves[i]["hash"] == leaf_hash(rc["entry"])
            require(same, "the ledger gave a receipt for another record at this place: it was forked; keep both files")
            return "the record that the receipt is of is in the file"
        if i >= self.head.size - 1:
            raise Missing("the receipt is of a record that came after what the file covers")
        if leaf["term"] not in self.complete:
            raise Missing("the file does not show all records of the receipt's subject, so that this one is not in it accuses nobody")
        raise Bad(f"the ledger gave a receipt for number {leaf['seq']} of {self.claimed[leaf['term']][0]} and leaves it out here: fraud; keep both files")


def say_entry(report, index, leaf):
    for name in ("type", "time", "submitter", "recorded", "capture"):
        if name in leaf:
            report.say(index, name, leaf[name])
    for name, value in leaf["open"].items():
        report.say(index, "/data/" + name, value)


# Section 9: receipts.


def parse_receipt(o):
    strict(o, "the receipt", ("v", "index", "entry", "seeds", "checkpoint"), ("proof", "restricted"))
    require(o["v"] == "lendlog-receipt/1", "v is not lendlog-receipt/1")
    require(isinstance(o["seeds"], dict), "seeds is not an object")
    out = {"index": integer(o["index"], "index"), "entry": text(o["entry"], "entry").encode()}
    out["seeds"] = {group: unbase64(s, "a seed", 32) for group, s in o["seeds"].items()}
    out["proof"] = proof_of(o) if "proof" in o else None
    out["checkpoint"] = text(o["checkpoint"], "checkpoint")
    if "restricted" in o:
        r = strict(o["restricted"], "restricted", ("submitter", "refs"))
        refs = [integer(i, "a ref") for i in array(r["refs"], "refs")]
        out["restricted"] = text(r["submitter"], "submitter"), refs
    return out


class Event:
    """A CloudEvent as it was submitted, taken apart as section 3 has it. It is not checked against its schema."""

    def __init__(self, b, schema):
        try:
            e = parse(b)
        except Unread as err:
            raise Bad(f"the event is not JSON: {err}") from err
        require(isinstance(e, dict), "the event is not an object")
        e = {name: v for name, v in e.items() if v is not None}
        self.schema, self.values, self.open = schema, {}, {}
        require(e.pop("specversion", None) == "1.0", "specversion is not 1.0")
        require(e.pop("type", None) == schema.type, "the schema is of another type than the event")
        self.time = text(e.pop("time", None), "time")
        require(is_time(self.time), "time is not RFC 3339")
        data = e.pop("data", None)
        require(isinstance(data, dict) and "data_base64" not in e, "data is not an object")
        for pointer in ATTRIBUTES:
            if pointer[1:] in e and pointer != "/extensions":
                self.values[pointer] = text(e.pop(pointer[1:]), pointer)
        for pointer in ("/id", "/source", "/subject"):
            require(pointer in self.values, f"the event lacks {pointer}")
        self.imported = e.get("capture") == "import"
        if e:
            self.values["/extensions"] = e
        for name, v in data.items():
            require(v is not None, f"/data/{name} is null")
            require(name in schema.opens or "/data/" + name in schema.groups, f"the type has no member {name}")
            if name in schema.opens:
                self.open[name] = v
            else:
                self.values["/data/" + name] = v

    def match(self, rc, leaf):
        """Hold an entry against the event that was submitted (section 9)."""
        schema, values = self.schema, dict(self.values)
        if schema.restricted:
            require(leaf["type"] == RESTRICTED, "a restricted record was written openly")
            if "restricted" not in rc:
                raise Missing("the receipt of a restricted record lacks its member restricted")
            values["/submitter"], refs = rc["restricted"]
            values["/time"], values["/type"] = self.time, {"name": schema.type, "schema": to64(schema.hash)}
            if refs:
                values["/refs"] = refs
        else:
            require(leaf["type"] == schema.type and leaf["time"] == self.time, "its type or time is not the event's")
            require(canonical(leaf["open"]) == canonical(self.open), "its open members are not the event's")
            if leaf["schema"] != schema.hash:
                raise Missing(f"it was validated with the schema {to64(leaf['schema'])}; give that one with --schema")
        require((leaf["capture"] == "import") == self.imported, f"it was captured as {leaf['capture']}, but not submitted so")
        groups = set(schema.groups.values())
        if groups - rc["seeds"].keys():
            raise Missing("the receipt lacks the seed of a key group")
        require(groups == rc["seeds"].keys(), "the receipt has a seed of a key group that the type does not have")
        hashes = []
        for pointer, group in schema.groups.items():
            salt = to64(H(rc["seeds"][group], pointer.encode())[:16])
            value = [values[pointer]] if pointer in values else []
            hashes.append(leaf_hash(canonical([salt, pointer] + value).encode()))
        require(merkle_root(hashes) == leaf["sealed"], "its sealed members are not the event's")
        return "the record is exactly the event that was submitted: every digest was recomputed"


def verify_receipt(report, trust, rc, event):
    head = check_checkpoint(report, trust, rc["checkpoint"])
    if head:
        verify_in_receipt(report, trust, rc, event, head)


def verify_in_receipt(report, trust, rc, event, head):
    index = rc["index"]
    cosigned = trust["witnesses"] and check_cosigned(report, trust, [head])
    leaf = check_entry(report, index, rc["entry"], head, rc["proof"], True)
    if not leaf:
        return
    if trust["chains"]:
        report.add("anchors", index, MISSING, "the policy asks for anchors, which a receipt has none of: ask for evidence of the record")
    if cosigned:  # a receipt shows no tree before
        before = head.times[trust["witnesses"]["quorum"] - 1]
        if report.attempt("time", index, lambda: check_dated_forward(trust, leaf["recorded"], before)) == PASS:
            report.add("time", index, NOTE, f"witnesses cosigned the ledger with it by {clock(before)}; that it was not there long before shows evidence")
    restricted = leaf["type"] == RESTRICTED
    if "restricted" in rc and not restricted:
        report.add("format", index, FAIL, "the receipt of an open record has the member restricted")
        return
    if event is None:
        report.add("event", index, NOTE, "no event was given, so the receipt was not held against what was submitted")
        if trust["submitters"]:
            report.add("submitter", index, MISSING, "the submitter's signature stands in the event: give it too")
    elif report.attempt("event", index, lambda: event.match(rc, leaf)) != PASS:
        return
    elif trust["submitters"]:
        id_ = rc["restricted"][0] if restricted else leaf["submitter"]
        whole = rebuild(event.schema.type, event.time, event.values, event.open)
        report.attempt("submitter", index, lambda: check_signature(trust, index, id_, whole))
    say_entry(report, index, leaf)


# Section 13: bundles.

MAX_LINE = 4 << 20
MAX_SHOWN_LINES = 1000
MAX_SHOWN = 64 << 20  # bytes, as footprint counts them
BUNDLE_BEGIN = b'{"v":"lendlog-bundle/'


class BundleHead:
    """The first line of a bundle, parsed."""

    def __init__(self, o):
        strict(o, "the first line", ("v", "checkpoint", "genesis"), ("period", "sample", "query", "anchors"))
        require(o["v"] == "lendlog-bundle/1", "v is not lendlog-bundle/1")
        self.checkpoint = text(o["checkpoint"], "checkpoint")
        strict(o["genesis"], "genesis", ("entry", "proof"))
        self.genesis = text(o["genesis"]["entry"], "entry").encode(), proof_of(o["genesis"])
        self.schemas = ()  # they come line by line
        self.period, self.sample = o.get("period"), o.get("sample")
        self.anchors = parse_anchors(o)
        require(sum(name in o for name in ("period", "sample", "query")) == 1, "the first line has not exactly one of period, sample and query")
        if "period" in o:
            p = strict(o["period"], "period", ("start", "end", "before", "after"), ("from", "to"))
            self.range(p)
            for name in ("from", "to"):
                require(name not in p or is_recorded(text(p[name], name)) and p[name] != "0001-01-01T00:00:00.000Z", f"{name} is not a time of the ledger")
            require("from" not in p or "to" not in p or p["from"] < p["to"], "the period ends before it begins")
            require("from" in p or p["start"] == 0, "start is not 0, but the period has no from")
            for name in ("before", "after"):
                p[name] = proof_of({"proof": p[name]})
            require(bin(p["start"]).count("1") == len(p["before"]), "a tree of so many leaves does not fall into the subtrees of before")
        elif "sample" in o:
            s = strict(o["sample"], "sample", ("seed", "count", "start", "end"))
            self.range(s)
            require(1 <= len(text(s["seed"], "seed").encode()) <= 1024, "seed is not of 1 to 1,024 bytes")
            require(integer(s["count"], "count", 1) <= 10000, "count is not 1 to 10,000")
        else:
            text(strict(o["query"], "query", ("filter",))["filter"], "filter")

    @staticmethod
    def range(o):
        require(integer(o["start"], "start") < integer(o["end"], "end"), "it ends before it begins")


def draw(sample, checkpoint):
    """Return the indexes of a sample, in their order. checkpoint is the text of the checkpoint."""
    start, n = sample["start"], sample["end"] - sample["start"]
    if sample["count"] >= n:
        return list(range(start, start + n))
    prefix = b"".join(part(s.encode()) for s in ("lendlog/sample", sample["seed"], checkpoint))
    limit, drawn, k = 2**64 - 2**64 % n, set(), 0
    while len(drawn) < sample["count"]:
        x = int.from_bytes(H(prefix, k.to_bytes(8, "big"))[:8], "big")
        if x < limit:
            drawn.add(start + x % n)
        k += 1
    return sorted(drawn)


def footprint(*value):
    """Return about how many bytes a value takes, be it none."""
    n = 96
    for v in value:
        if isinstance(v, str):
            n += len(v.encode())
        elif isinstance(v, list):
            n += sum(footprint(x) for x in v)
        elif isinstance(v, dict):
            n += sum(len(name.encode()) + footprint(x) for name, x in v.items())
    return n


class Bundle:
    """Verifies a bundle line by line, in memory that does not grow with it."""

    def __init__(self, report, trust):
        self.report, self.trust = report, trust
        self.n = 0  # lines
        self.head = self.at = self.records = None
        self.ended = False  # the last line was read
        self.seen, self.last = 0, -1  # records, and the index of the last one
        self.recorded = ""  # of the last entry
        self.before = None  # by when the ledger with all of them was cosigned or anchored, in seconds
        self.roots = []  # of a period: the complete subtrees that the leaves so far fall into
        self.inside, self.behind = 0, False  # leaves within the period; whether the last line lies behind it
        self.drawn = []  # of a sample: what is still to come
        self.schema_bytes = 0
        self.tallies = collections.Counter()
        self.shows, self.shown = True, 0

    def verify(self, file, begin=b""):
        """Verify what a binary file holds behind begin; it is not read on where no more can be said."""
        if self.report.attempt("format", None, lambda: self.read(file, begin)) == PASS and self.at:
            self.together()
        for (name, result), n in self.tallies.items():
            if result == PASS:
                self.report.add(name, None, PASS, f"passed for {n} records")
            elif result == NOTE:
                self.report.add(name, None, NOTE, f"{n} records disclose nothing; their sealed members stay committed")
            elif n > MANY:
                self.report.add(name, None, result, f"and {n - MANY} records more")

    def read(self, file, begin):
        while True:
            line = begin + file.readline(MAX_LINE + 1 - len(begin))
            begin = b""
            self.n += 1
            require(len(line) <= MAX_LINE, f"line {self.n} has more than 4 MiB")
            if not line and self.ended:
                return
            require(line.endswith(b"\n"), "the file ends before its last line: it was cut off; fetch it again")
            try:
                try:
                    o = parse(line, 131072)
                except Unread as e:
                    raise Bad(f"it is not JSON: {e}") from e
                require(isinstance(o, dict), "it is not an object")
                self.line(o)
            except Bad as e:
                raise Bad(f"line {self.n}: {e}") from e
            if not self.at:
                return

    def line(self, o):
        require(not self.ended, "something follows the last line")
        if not self.head:
            self.head = BundleHead(o)
            self.begin(self.head)
        elif "schema" in o:
            self.schema(text(strict(o, "a schema", ("schema",))["schema"], "schema").encode())
        elif "end" in o:
            end = integer(strict(o, "the last line", ("end",))["end"], "end")
            require(end == self.seen, f"end is not the number of records, {self.seen}")
            self.ended = True
        else:
            self.record(Evidence.record(o, self.head.period is None))

    def begin(self, head):
        report, trust = self.report, self.trust
        at = self.at = check_checkpoint(report, trust, head.checkpoint)
        if not at:
            return  # of a checkpoint that is not signed nothing more can be said
        if trust["witnesses"] and check_cosigned(report, trust, [at]):
            self.before = at.times[trust["witnesses"]["quorum"] - 1]
            report.add("time", None, NOTE, f"witnesses cosigned the ledger with these records by {clock(self.before)}; that each was not there long before shows evidence")
        self.records = Records(report, trust, head, at)
        report.attempt("genesis", None, self.records.genesis)
        for a in head.anchors:
            report.attempt("anchors", None, lambda: self.records.anchor(*a))
        if trust["chains"] and report.attempt("anchors", None, lambda: self.records.anchored(at.size - 1)) == PASS:
            time = self.records.block_with(at.size - 1)[1].time
            self.before = time if self.before is None else min(self.before, time)
            report.add("time", None, NOTE, f"the ledger with these records was there by {clock(time)}, by its anchors")
        span = head.period or head.sample
        require(not span or span["end"] <= at.size, f"end is beyond the {at.size} records of the checkpoint")
        if head.period:
            self.last = span["start"] - 1
            self.roots = list(span["before"])
            self.shows = span["end"] - span["start"] <= MAX_SHOWN_LINES
        elif head.sample:
            self.drawn = draw(span, f"{trust['origin']}\n{at.size}\n{to64(at.root)}\n")
            self.shows = len(self.drawn) <= MAX_SHOWN_LINES

    def schema(self, b):
        schemas = self.records.schemas
        require(H(b) not in schemas, "the schema stands there twice")
        self.schema_bytes += len(b)
        require(len(schemas) < 4096 and self.schema_bytes <= 64 << 20, "a bundle has at most 4,096 schemas, and 64 MiB of them")
        schemas[H(b)] = read_schema(b)

    def record(self, r):
        period, records, index = self.head.period, self.records, r["index"]
        self.seen += 1
        require(self.seen <= self.at.size and not (self.head.sample and self.seen > 10000), "it is of one record more than there can be")
        follows = index == self.last + 1 and index < period["end"] if period else index > self.last
        require(follows, f"record {index} does not follow record {self.last}")
        self.last = index
        if period:
            self.append(leaf_hash(r["entry"]))
        one = records.report = Report()
        records.record(r)
        entry = records.leaves.pop(index, None)
        if entry and entry["type"] == INDEX_ROOT:
            entry = None
        if len(records.proved) > 1000:
            records.proved.clear()
        if entry:
            if entry["recorded"] < self.recorded:
                one.add("time", index, FAIL, "it was recorded before a record that lies before it")
            self.recorded = entry["recorded"]
            if self.before is not None:
                one.attempt("time", index, lambda: check_dated_forward(self.trust, entry["recorded"], self.before))
        if period:
            one.attempt("range", index, lambda: self.within(index, entry))
        if self.head.sample:
            one.attempt("sample", index, lambda: self.sampled(index))
        for c in one.checks:
            self.tallies[c["name"], c["result"]] += 1
            if c["result"] in (FAIL, MISSING) and self.tallies[c["name"], c["result"]] <= MANY:
                self.report.add(c["name"], c["record"], c["result"], c["text"])
        for s in one.said:
            self.shown += footprint(*([s["value"]] if "value" in s else []))
            if self.shows and self.seen <= MAX_SHOWN_LINES and self.shown <= MAX_SHOWN:
                self.report.said.append(s)

    def append(self, leaf):
        """Add a leaf of a period: a subtree is complete with its neighbour as a carry ends an addition."""
        n = self.last
        while n & 1:
            leaf, n = H(b"\1", self.roots.pop(), leaf), n >> 1
        self.roots.append(leaf)

    def within(self, index, entry):
        """Hold the time of a record against the period; an index-root has none."""
        p = self.head.period
        before = bool(entry) and "from" in p and entry["recorded"] < p["from"]
        require(not self.behind, "it lies behind the record that ends the period")
        if index == p["start"] and before:
            return  # the last record before the period
        require(index != p["start"] or index == 0, "the file does not begin with the record before the period")
        require(not before, "it was recorded before the period")
        if entry and "to" in p and entry["recorded"] >= p["to"]:
            self.behind = True
        else:
            self.inside += 1

    def sampled(self, index):
        left = bisect.bisect_left(self.drawn, index)
        require(self.drawn[left : left + 1] == [index], "it is not drawn by this seed")
        del self.drawn[: left + 1]
        require(left == 0, f"{left} records that are drawn before it are left out")

    def together(self):
        """Make the checks that are of all lines together."""
        report, p, sample = self.report, self.head.period, self.head.sample

        def whole_period():
            require(self.last == p["end"] - 1, f"the file ends with record {self.last}, and goes up to {p['end'] - 1} by its first line")
            root = self.roots[-1]
            for left in self.roots[-2::-1]:
                root = H(b"\1", left, root)
            proved = consistent(Head(p["end"], root, ()), self.at, p["after"])
            require(proved, f"a record is left out, added or altered: the records {p['start']} to {p['end'] - 1} of the file are not those under the checkpoint")
            require(self.behind or p["end"] == self.at.size, "the file ends before the period does, and before the checkpoint")
            to = "before " + p["to"] if "to" in p else "the checkpoint"
            return f"{self.inside} leaves, recorded from {p.get('from', 'the beginning')} to {to}, are all there are: none is left out"

        def whole_sample():
            require(not self.drawn, f"{len(self.drawn)} records that are drawn last are left out")
            return f"{self.seen} leaves, drawn by the seed {json.dumps(sample['seed'], ensure_ascii=False)} from those from {sample['start']} to {sample['end'] - 1}"

        if p:
            if report.attempt("range", None, whole_period) == PASS and not self.behind and "to" in p:
                report.add("range", None, MISSING, "no record behind the period lies under the checkpoint, so it may not have been over: ask again under a later checkpoint")
        elif sample:
            if report.attempt("sample", None, whole_sample) == PASS:
                report.add("sample", None, NOTE, "nobody could choose them if the seed was named, or came to be, after this checkpoint was witnessed, which the file does not show")
        else:
            report.add("query", None, NOTE, "that nothing else matches is not shown: ask for all records of a subject, or of a period")


def say_claims(report, trust):
    """Say what rests on the operator's word under a policy, and what of the policy cannot be checked."""
    for name in trust["reserved"]:
        report.add("policy", None, MISSING, f"the policy asks for {name}, which this program cannot check")
    if not trust["submitters"]:
        report.add("submitter", None, NOTE, "the policy lists no submitters' keys, so who submitted is the operator's claim")
    if not trust["witnesses"] and not trust["chains"]:
        report.add("time", None, NOTE, "the policy names no witnesses, so when it was recorded is the operator's clock")


# The program.


def verify(document, trust, event=None, schema=None, against=()):
    """Return the report on evidence, a bundle or a receipt: verdict, checks, shown. All arguments are bytes.

    Raises Unread for a document that is none of them, and Bad for a policy, event, schema or receipt that cannot be used.
    """
    return verify_file(io.BytesIO(document), trust, event, schema, against)


def verify_file(file, trust, event=None, schema=None, against=()):
    """Return the report on a file, opened to be read as bytes, of which a bundle may be of any size; else as verify."""
    trust = parse_trust(trust)
    if event is not None:
        event = Event(event, Schema(schema))
    receipts = [read_receipt(b) for b in against]
    report = Report()
    document = file.read(len(BUNDLE_BEGIN))
    if document == BUNDLE_BEGIN:
        if event is not None:
            raise Unread("this is a bundle, which is held against no event")
        if receipts:
            raise Unread("this is a bundle, and receipts are held against evidence")
        Bundle(report, trust).verify(file, document)
        say_claims(report, trust)
        return report.json()
    document += file.read(MAX_FILE + 1 - len(document))
    if len(document) > MAX_FILE:
        raise Unread("the file is longer than 64 MiB")
    o = parse(document)
    v = o.get("v") if isinstance(o, dict) else None
    if v == "lendlog-evidence/1":
        if event is not None:
            raise Unread("this is evidence, which is held against no event")
        verify_evidence(report, trust, o, receipts)
    elif v == "lendlog-receipt/1":
        if receipts:
            raise Unread("this is a receipt, and receipts are held against evidence")
        parsed = []
        if report.attempt("format", None, lambda: parsed.append(parse_receipt(o))) == PASS:
            verify_receipt(report, trust, parsed[0], event)
    else:
        raise Unread("v is neither lendlog-evidence/1 nor lendlog-receipt/1, and a bundle begins with it")
    if report.checks[0]["name"] != "format":
        say_claims(report, trust)
    return report.json()


def read_receipt(b):
    """Parse a receipt to hold evidence against."""
    if len(b) > MAX_FILE:
        raise Bad("the file is longer than 64 MiB")
    try:
        return parse_receipt(parse(b))
    except Unread as e:
        raise Bad(f"the receipt is not JSON: {e}") from e


EXIT = {"VALID": 0, "INVALID": 3, "INCOMPLETE": 4}
UNREAD = 2


def printable(s):
    """Escape what steers a terminal or hides text: what a file says is a stranger's."""

    def escape(c):
        b = c.encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{b[i]:02x}{b[i + 1]:02x}" for i in range(0, len(b), 2))

    return "".join(c if c.isprintable() else escape(c) for c in s)


def clip(s):
    return printable(s[:200]) + ("…" if len(s) > 200 else "")


def write_text(report):
    signs = {PASS: "✓", FAIL: "✗", MISSING: "?", NOTE: "–"}
    words = {PASS: "", FAIL: "FAILED: ", MISSING: "NOT CHECKED: ", NOTE: ""}
    for c in report["checks"]:
        where = f"record {c['record']}: " if "record" in c else ""
        print(f"{signs[c['result']]} {c['name']:<11} {where}{words[c['result']]}{printable(c['text'])}")
    record = None
    for s in report["shown"]:
        if s["record"] != record:
            record = s["record"]
            print(f"  record {record} says")
        value = clip(canonical(s["value"])) if "value" in s else "(absent)"
        print(f"    {clip(s['what']):<22} {value}")
    print({
        "VALID": "VALID: every check that the trust policy asks for passed.",
        "INVALID": "INVALID: a check failed; keep this file as it is.",
        "INCOMPLETE": "INCOMPLETE: nothing failed, but a check could not be made.",
    }[report["verdict"]])


def read(name):
    with open(name, "rb") as f:
        return f.read(MAX_FILE + 1)


def main(args):
    p = argparse.ArgumentParser(prog="verify.py", add_help=False, allow_abbrev=False)
    p.format_help = lambda: USAGE

    def wrong(words):
        print(f"verify.py: {printable(words)}; see verify.py --help", file=sys.stderr)
        sys.exit(UNREAD)

    p.error = wrong
    p.add_argument("-h", "--help", action="help")
    for flag in ("--trust", "--event", "--schema"):
        p.add_argument(flag)
    p.add_argument("--against", action="append", default=[])
    p.add_argument("--json", action="store_true")
    p.add_argument("files", nargs="*")
    call = p.parse_args(args)
    if not call.trust:
        p.error("--trust is required: the file that says whom you believe")
    if not call.files:
        p.error("no file to verify was named")
    if (call.event is None) != (call.schema is None) or call.event and len(call.files) > 1:
        p.error("--event and --schema go together, with one receipt")

    def complain(name, e):
        print("verify.py: " + printable(f"{name}: {e}"), file=sys.stderr)
        return UNREAD

    given = {}
    try:
        name = call.trust
        trust = read(name)
        parse_trust(trust)
        for name in call.against:
            given.setdefault("against", []).append(read(name))
            read_receipt(given["against"][-1])
        if call.event is not None:
            name = call.schema
            given["schema"] = read(name)
            schema = Schema(given["schema"])
            name = call.event
            given["event"] = read(name)
            Event(given["event"], schema)
    except (OSError, Bad, Unread) as e:
        return complain(name, e)
    codes = set()
    for name in call.files:
        try:
            with open(name, "rb") as f:
                report = verify_file(f, trust, **given)
        except (OSError, Unread) as e:
            codes.add(complain(name, e))
            continue
        codes.add(EXIT[report["verdict"]])
        if call.json:
            print(printable(json.dumps({"file": name, "report": report}, ensure_ascii=False, separators=(",", ":"))))
            continue
        if len(call.files) > 1:
            print(printable(name))
        write_text(report)
    return next(code for code in (3, UNREAD, 4, 0) if code in codes)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stderr.reconfigure(encoding="utf-8")
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        os._exit(1)

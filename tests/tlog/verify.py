#!/usr/bin/env python3
"""Checks receipts and .tlog-proof files of Mạch's transparency log: the second implementation, from the specifications.

    verify.py --log VKEY [--witness VKEY]... [--quorum N] FILE...

Prints one line a file, `ok …` or `bad …`; the exit code is 0 where all are ok, 1 where one is not. Only the standard
library is used. Sources: RFC 8032 (Ed25519), RFC 9162 2.1.3.2 (inclusion), c2sp.org signed-note, tlog-checkpoint,
tlog-cosignature, tlog-proof; what a leaf says: docs/transparency.md.
"""

import argparse
import base64
import hashlib
import json
import struct
import sys

# --- Ed25519 (RFC 8032, 5.1 and section 6) ---------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


class Bad(Exception):
    """Why something does not hold."""


def recover_x(y, sign):
    if y >= P:
        raise Bad("no point of the curve")
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        if sign:
            raise Bad("no point of the curve")
        return 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P:
        raise Bad("no point of the curve")
    return P - x if x & 1 != sign else x


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def mul(s, p):
    q = (0, 1, 1, 0)
    while s:
        if s & 1:
            q = add(q, p)
        p = add(p, p)
        s >>= 1
    return q


def equal(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = recover_x(y, sign)
    return x, y, 1, x * y % P


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def ed25519(public, message, signature):
    """Whether `signature` is one of `public` over `message`; points of small order are refused."""
    try:
        a, r = point(public), point(signature[:32])
    except Bad:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= L or len(signature) != 64:
        return False
    if any(equal(mul(8, p), (0, 1, 1, 0)) for p in (a, r)):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return equal(mul(s, BASE), add(r, mul(k, a)))


# --- Notes, checkpoints, proofs --------------------------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).digest()


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Bad("not base64") from error
    if base64.b64encode(data).decode() != text:
        raise Bad("not the one way of writing base64")
    return data


def digest_line(text):
    data = unbase64(text)
    if len(data) != 32:
        raise Bad("not a SHA-256")
    return data


def decimal(text):
    if not (text.isascii() and text.isdigit()) or text != str(int(text)) or int(text) >= 2**64:
        raise Bad("not a number")
    return int(text)


def is_name(name):
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)


class Key:
    """A vkey: name+id+base64(algorithm, public key)."""

    def __init__(self, text):
        name, key_id, data = text.split("+", 2)
        data = unbase64(data)
        self.name, self.algorithm, self.public = name, data[0], data[1:]
        self.id = sha256(name.encode() + b"\n" + data)[:4]
        if self.id.hex() != key_id or len(self.public) != 32 or self.algorithm not in (1, 4) or not is_name(name):
            raise Bad("no key")

    def signature_in(self, note):
        for name, data in note["signatures"]:
            if name == self.name and data[:4] == self.id:
                return data[4:]
        return None


def parse_note(text):
    if any(ord(c) < 0x20 and c != "\n" for c in text):
        raise Bad("a control character")
    at = text.rfind("\n\n")
    if at < 1 or not text.endswith("\n") or at + 2 == len(text):
        raise Bad("no signed note")
    signatures = []
    for line in text[at + 2 : -1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—" or not is_name(parts[1]):
            raise Bad("no signature line")
        data = unbase64(parts[2])
        if len(data) < 5:
            raise Bad("a signature too short")
        signatures.append((parts[1], data))
    return {"text": text[: at + 1], "signatures": signatures}


def parse_checkpoint(text):
    lines = text[:-1].split("\n")
    if len(lines) < 3 or "" in lines:
        raise Bad("no checkpoint")
    return {"origin": lines[0], "size": decimal(lines[1]), "root": digest_line(lines[2])}


def open_checkpoint(text, log, witnesses, quorum):
    """The checkpoint in a note, and the names of the witnesses that signed it."""
    note = parse_note(text)
    signature = log.signature_in(note)
    if signature is None or log.algorithm != 1 or not ed25519(log.public, note["text"].encode(), signature):
        raise Bad("not signed by the log")
    checkpoint = parse_checkpoint(note["text"])
    if checkpoint["origin"] != log.name:
        raise Bad("another log's checkpoint")
    seen = []
    for witness in witnesses:
        signature = witness.signature_in(note)
        if signature is None:
            continue
        if len(signature) != 72 or witness.algorithm != 4:
            raise Bad("a cosignature of another kind")
        time = struct.unpack(">Q", signature[:8])[0]
        message = f"cosignature/v1\ntime {time}\n{note['text']}".encode()
        if not ed25519(witness.public, message, signature[8:]):
            raise Bad("a false cosignature")
        seen.append(witness.name)
    if len(seen) < quorum:
        raise Bad("too few witnesses")
    return checkpoint, seen


def parse_proof(text):
    head, sep, note = text.partition("\n\n")
    lines = head.split("\n")
    if not sep or lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise Bad("no proof")
    extra = unbase64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
    if not lines or not lines[0].startswith("index "):
        raise Bad("no index")
    index = decimal(lines.pop(0)[6:])
    return {"extra": extra, "index": index, "path": [digest_line(line) for line in lines], "note": note}


def root_of(leaf, index, size, path):
    """The root that an inclusion proof leads to."""

    def climb(index, size, path):
        if size == 1:
            if path:
                raise Bad("a proof too long")
            return leaf
        if not path:
            raise Bad("a proof too short")
        half = 1 << (size - 1).bit_length() - 1
        if index < half:
            return sha256(b"\x01" + climb(index, half, path[:-1]) + path[-1])
        return sha256(b"\x01" + path[-1] + climb(index - half, size - half, path[:-1]))

    if index >= size:
        raise Bad("past the end of the log")
    return climb(index, size, path)


def check_proof(text, entry, log, witnesses, quorum):
    proof = parse_proof(text)
    checkpoint, seen = open_checkpoint(proof["note"], log, witnesses, quorum)
    if root_of(sha256(b"\x00" + entry), proof["index"], checkpoint["size"], proof["path"]) != checkpoint["root"]:
        raise Bad("the proof does not lead to the root")
    return f"leaf {proof['index']} of {checkpoint['size']} in {checkpoint['origin']}, witnesses: {' '.join(seen) or 'none'}"


# --- Receipts --------------------------------------------------------------------------------------------------------

KINDS = {
    "resource": 1,
    "audit": 2,
    "account": 3,
    "api-key": 4,
    "system-token": 5,
    "claim-version": 6,
    "claim": 7,
    "check-in": 8,
    "number": 9,
    "event": 10,
    "app": 11,
    "app-grant": 12,
}


def check_receipt(receipt, log, witnesses, quorum):
    members = {"format", "description", "salt", "content", "log", "proof"}
    if not isinstance(receipt, dict) or set(receipt) - members or members - {"content"} - set(receipt):
        raise Bad("members")
    if any(not isinstance(value, str) for value in receipt.values()) or receipt["format"] != "mach-receipt/v1":
        raise Bad("no receipt")
    first, *lines = receipt["description"].splitlines()
    fields = {}
    for line in lines:
        name, _, value = line.partition(" ")
        fields.setdefault(name, value)
    if first != "mach-fact/v1" or fields.get("kind") not in KINDS:
        raise Bad("no description")
    try:
        salt = bytes.fromhex(receipt["salt"])
        content = receipt["content"].encode() if "content" in receipt else None
        description = receipt["description"].encode()
    except ValueError as error:
        raise Bad("a text that is none") from error
    if len(salt) != 16:
        raise Bad("no salt")
    if fields.get("sha256") != (None if content is None else hashlib.sha256(content).hexdigest()):
        raise Bad("another content than the described one")
    entry = bytes([1, KINDS[fields["kind"]]]) + sha256(salt + description)
    return check_proof(receipt["proof"], entry, log, witnesses, quorum)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--log", required=True, type=Key)
    arguments.add_argument("--witness", action="append", default=[], type=Key)
    arguments.add_argument("--quorum", type=int)
    arguments.add_argument("--entry", help="file with the entry's bytes, for a bare .tlog-proof")
    arguments.add_argument("files", nargs="+")
    given = arguments.parse_args()
    quorum = len(given.witness) if given.quorum is None else given.quorum
    trust = (given.log, given.witness, quorum)
    failed = False
    for file in given.files:
        try:
            with open(file, "rb") as opened:
                text = opened.read().decode()
            if given.entry:
                with open(given.entry, "rb") as opened:
                    print("ok", check_proof(text, opened.read(), *trust))
            else:
                print("ok", check_receipt(json.loads(text), *trust))
        except (Bad, ValueError, RecursionError) as error:
            print("bad", error)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

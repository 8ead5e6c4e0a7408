// Signed QR codes, checked in the browser: base45 or base64url, zlib, CBOR, COSE_Sign1. The same rules in the same order as
// crates/kernel/sign/src/hc1.rs; the corpus tests/sign/corpus holds both to them.

export type Why = "malformed" | "large" | "unsupported" | "refused";

/** Why a code cannot be read at all. */
export class Unreadable extends Error {
  constructor(readonly why: Why) {
    super(why);
  }
}

export type Value = number | bigint | string | boolean | null | Uint8Array | Value[] | Pairs | Tagged;
/** Keys with values, in their order. */
export class Pairs {
  constructor(readonly all: [Value, Value][]) {}
  get(key: number | string): Value | undefined {
    return this.all.find(([k]) => k === key)?.[1];
  }
}
class Tagged {
  constructor(readonly tag: number, readonly value: Value) {}
}

const CHARACTERS = 4296;
const CONTENT_BYTES = 16 * 1024;
const DEPTH = 32;
const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const FRAGMENT = "#hc1=";
const [ISSUER, EXPIRES, ISSUED] = [1, 4, 6];
const HEALTH = -260;
const PAPER = -70001;
const SKEW = 600;

const bad = (): Unreadable => new Unreadable("malformed");

function fromBase45(text: string): Uint8Array {
  const out: number[] = [];
  for (let i = 0; i < text.length; i += 3) {
    const digits = [...text.slice(i, i + 3)].map((letter) => LETTERS.indexOf(letter));
    if (digits.includes(-1) || digits.length === 1) throw bad();
    const n = digits.reduce((sum, digit, at) => sum + digit * 45 ** at, 0);
    if (n > (digits.length === 3 ? 0xffff : 0xff)) throw bad();
    if (digits.length === 3) out.push(n >> 8);
    out.push(n & 0xff);
  }
  return new Uint8Array(out);
}

export function fromBase64(text: string): Uint8Array {
  const plain = text.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(plain), (letter) => letter.charCodeAt(0));
}

async function unpack(packed: Uint8Array): Promise<Uint8Array> {
  const unpacked = new Blob([packed as BlobPart]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await unpacked.read().catch(() => {
      throw bad();
    });
    if (done) break;
    size += value.length;
    if (size > CONTENT_BYTES) {
      void unpacked.cancel();
      throw new Unreadable("large");
    }
    chunks.push(value);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/** Reads one CBOR value (RFC 8949), as much as signed claims need. */
export function fromCbor(bytes: Uint8Array): Value {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (n: number): number => {
    if (n > bytes.length - at) throw bad();
    at += n;
    return at - n;
  };
  const head = (low: number): number | bigint => {
    if (low < 24) return low;
    if (low === 24) return view.getUint8(take(1));
    if (low === 25) return view.getUint16(take(2));
    if (low === 26) return view.getUint32(take(4));
    if (low !== 27) throw bad();
    const n = view.getBigUint64(take(8));
    return n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n;
  };
  const integer = (n: number | bigint): number | bigint => {
    if (n > 0x7fff_ffff_ffff_ffffn) throw bad();
    return n;
  };
  const float = (low: number): number => {
    if (low === 26) return view.getFloat32(at - 4);
    if (low === 27) return view.getFloat64(at - 8);
    const bits = view.getUint16(at - 2);
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size = exponent === 0 ? fraction * 2 ** -24 : exponent < 31 ? (1024 + fraction) * 2 ** (exponent - 25) : fraction === 0 ? Infinity : NaN;
    return bits >> 15 ? -size : size;
  };
  const read = (depth: number): Value => {
    if (depth > DEPTH) throw new Unreadable("large");
    const first = view.getUint8(take(1));
    const [major, low] = [first >> 5, first & 31];
    const n = head(low);
    const length = Number(n);
    switch (major) {
      case 0:
        return integer(n);
      case 1:
        return typeof n === "number" ? -1 - n : -1n - BigInt(integer(n));
      case 2:
        return bytes.slice(take(length), at);
      case 3:
        try {
          return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.slice(take(length), at));
        } catch {
          throw bad();
        }
      case 4: {
        const list: Value[] = [];
        for (let i = 0; i < length; i++) list.push(read(depth + 1));
        return list;
      }
      case 5: {
        const pairs: [Value, Value][] = [];
        const seen = new Set<string>();
        for (let i = 0; i < length; i++) {
          const from = at;
          const key = read(depth + 1);
          const same = typeof key === "object" ? bytes.slice(from, at).join() : `${typeof key === "string" ? "t" : "n"}${String(key)}`;
          if (seen.has(same)) throw bad();
          seen.add(same);
          pairs.push([key, read(depth + 1)]);
        }
        return new Pairs(pairs);
      }
      case 6:
        return new Tagged(length, read(depth + 1));
      default:
        if (low === 20 || low === 21) return low === 21;
        if (low === 22) return null;
        if (low >= 25 && low <= 27) return float(low);
        throw bad();
    }
  };
  const value = read(0);
  if (at !== bytes.length) throw bad();
  return value;
}

const bstr = (bytes: Uint8Array): number[] =>
  bytes.length < 24 ? [0x40 | bytes.length] : bytes.length < 256 ? [0x58, bytes.length] : [0x59, bytes.length >> 8, bytes.length & 0xff];

/** What a COSE_Sign1 signs (RFC 9052 §4.4). */
function structure(header: Uint8Array, payload: Uint8Array): Uint8Array {
  const context = [...new TextEncoder().encode("Signature1")];
  return new Uint8Array([0x84, 0x60 | context.length, ...context, ...bstr(header), ...header, 0x40, ...bstr(payload), ...payload]);
}

/** What was copied, as it was printed. */
export function asPrinted(text: string): string {
  return text.replace(/[\r\n\t\ufeff\u200b]/g, "").replace(/\u00a0/g, " ").trim();
}

/** Whether a text is a signed code, or an address with one behind it. */
export function isCode(text: string): boolean {
  return text.startsWith("HC1:") || (/^https?:\/\//.test(text) && text.includes(FRAGMENT));
}

export interface Code {
  issuer: string;
  issued: number;
  expires: number;
  claim: number;
  content: Value;
  keyId: string;
  algorithm: "ES256" | "PS256";
  signed: Uint8Array;
  signature: Uint8Array;
}

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const hex = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");

export async function read(typed: string): Promise<Code> {
  const text = asPrinted(typed);
  if (text.length > CHARACTERS) throw new Unreadable("large");
  let packed: Uint8Array;
  if (text.startsWith("HC1:")) {
    packed = fromBase45(text.slice(4));
  } else {
    const letters = text.slice(text.indexOf(FRAGMENT) + FRAGMENT.length);
    if (!/^[A-Za-z0-9_-]*$/.test(letters)) throw bad();
    try {
      packed = fromBase64(letters);
    } catch {
      throw bad();
    }
  }
  let message = fromCbor(await unpack(packed));
  if (message instanceof Tagged && message.tag === 18) message = message.value;
  if (!Array.isArray(message) || message.length !== 4) throw bad();
  const [header, open, payload, signature] = message;
  if (!(header instanceof Uint8Array) || !(payload instanceof Uint8Array) || !(signature instanceof Uint8Array)) throw bad();
  const named = header.length === 0 ? new Pairs([]) : fromCbor(header);
  const of = (map: Value | undefined, key: number): Value | undefined => (map instanceof Pairs ? map.get(key) : undefined);
  // What must be understood (RFC 9052 §3.1) and is not: nothing here is.
  if (of(named, 2) !== undefined) throw new Unreadable("unsupported");
  const known = of(named, 1);
  if (known !== -7 && known !== -37) throw new Unreadable("unsupported");
  const keyId = of(named, 4) ?? of(open, 4);
  if (!(keyId instanceof Uint8Array)) throw bad();
  const claims = fromCbor(payload);
  if (!(claims instanceof Pairs)) throw bad();
  const [issuer, issued, expires] = [claims.get(ISSUER), claims.get(ISSUED), claims.get(EXPIRES)];
  if (typeof issuer !== "string" || typeof issued !== "number" || typeof expires !== "number") throw bad();
  if (!Number.isFinite(issued) || !Number.isFinite(expires)) throw bad();
  const isContent = ([key]: [Value, Value]): boolean => typeof key === "number" && ![ISSUER, EXPIRES, ISSUED].includes(key);
  const content = [...claims.all].reverse().find(isContent);
  if (!content) throw bad();
  return {
    issuer, issued: Math.trunc(issued), expires: Math.trunc(expires), claim: content[0] as number, content: content[1],
    keyId: base64url(keyId), algorithm: known === -7 ? "ES256" : "PS256", signed: structure(header, payload), signature,
  };
}

/** One who may sign, as the list tells it. */
export interface Signer {
  kid: string;
  alg: "ES256" | "PS256";
  spki: string;
  name: string | null;
  organisation: string | null;
  issuer: string;
  from: number;
  until: number;
  stands: "valid" | "unchecked" | "untrusted" | "use";
  revoked: number | null;
}

export interface List {
  made: number;
  until: number;
  signers: Signer[];
  /** Marks of passes that were taken back; null where they are not known. */
  withdrawn: string[] | null;
  /** Papers that ended: since when, and why. */
  papers: Record<string, [number, string]>;
}

export type Standing = "valid" | "unchecked" | "notYet" | "expired" | "revoked" | "untrusted" | "wrongUse";

function standing(signer: Signer, at: number): Standing {
  if (signer.stands === "use") return "wrongUse";
  if (signer.stands === "untrusted") return "untrusted";
  if (at < signer.from) return "notYet";
  if (at > signer.until) return "expired";
  return signer.revoked !== null && signer.revoked <= at ? "revoked" : signer.stands;
}

async function isBy(signer: Signer, code: Code): Promise<boolean> {
  if (signer.alg !== code.algorithm) return false;
  const [key, how] = signer.alg === "ES256"
    ? [{ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" }]
    : [{ name: "RSA-PSS", hash: "SHA-256" }, { name: "RSA-PSS", saltLength: 32 }];
  const taken = await crypto.subtle.importKey("spki", fromBase64(signer.spki) as BufferSource, key, false, ["verify"]);
  return crypto.subtle.verify(how, taken, code.signature as BufferSource, code.signed as BufferSource);
}

async function mark(text: string): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

/** The unique identifiers of a health certificate's entries. */
function identifiers(code: Code): string[] {
  const record = code.claim === HEALTH && code.content instanceof Pairs ? code.content.get(1) : undefined;
  if (!(record instanceof Pairs)) return [];
  const lists = ["v", "t", "r"].map((name) => record.get(name)).filter((list): list is Value[] => Array.isArray(list));
  const found = lists.flat().map((entry) => (entry instanceof Pairs ? entry.get("ci") : undefined));
  return found.filter((id): id is string => typeof id === "string");
}

export type State = "good" | "other" | "altered" | "withdrawn" | "over" | "toCome" | "bad";

export interface Verdict {
  state: State;
  code: Code;
  signer?: Signer;
  then: Standing;
  now: Standing;
  /** Why the paper itself no longer counts, and since when. */
  ended?: [number, string];
}

/** Checks a code against a list, at a moment in seconds. Throws `Unreadable`. */
export async function verify(text: string, list: List, now: number): Promise<Verdict> {
  const code = await read(text);
  const named = list.signers.filter((s) => s.kid === code.keyId);
  let signer: Signer | undefined;
  for (const one of named) if (!signer && (await isBy(one, code))) signer = one;
  // Which codes were taken back is not known: nothing is said of any.
  if (list.withdrawn === null) throw new Unreadable("refused");
  if (!signer) return { state: named.length === 0 ? "other" : "altered", code, then: "untrusted", now: "untrusted" };
  const [then, at] = [standing(signer, code.issued), standing(signer, now)];
  const marks = await Promise.all(identifiers(code).map(mark));
  const counts = [then, at].every((s) => s === "valid" || s === "unchecked");
  let state: State = counts ? "good" : "bad";
  if (code.issued > now + SKEW) state = "toCome";
  if (code.expires < now) state = "over";
  if (marks.some((m) => list.withdrawn?.includes(m.slice(0, 32)))) state = "withdrawn";
  const id = code.claim === PAPER && code.content instanceof Pairs ? code.content.get("id") : undefined;
  const ended = typeof id === "string" ? list.papers[await mark(`mach paper\n${code.issuer}\n${id}`)] : undefined;
  return { state, code, signer, then, now: at, ended };
}

// The signed list of who may sign QR codes and what was taken back, and the key of it that this browser keeps since its first
// visit: a list of another key is not taken, nor one older than what is here.
import { fromBase64, type List } from "./hc1";

export const KEPT = "mach verify";
const LIST = "/verify/list";
/** Where the fingerprint of its key is kept; nothing is served there. */
const PIN = "/verify/list/key";

export interface Signed {
  list: List;
  key: string;
  text: string;
}

const decoded = (part: string): unknown => JSON.parse(new TextDecoder().decode(fromBase64(part)));

/** SHA-256 of a JWK's members (RFC 7638) in groups of four digits. */
async function fingerprint(jwk: JsonWebKey): Promise<string> {
  const text = JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y });
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const hex = [...hash].map((b) => b.toString(16).padStart(2, "0")).join("");
  return hex.match(/.{4}/g)?.join(" ") ?? hex;
}

/** A list whose signature is right; by which key. */
export async function open(text: string): Promise<Signed> {
  const [header, payload, signature] = text.trim().split(".");
  if (!header || !payload || !signature) throw new Error("no list");
  const { alg, typ, jwk } = decoded(header) as { alg: string; typ: string; jwk: JsonWebKey };
  if (alg !== "ES256" || typ !== "mach-verify-list" || jwk?.kty !== "EC" || jwk.crv !== "P-256") throw new Error("no list");
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  const right = await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, fromBase64(signature) as BufferSource, signed);
  if (!right) throw new Error("its signature is false");
  return { list: decoded(payload) as List, key: await fingerprint(jwk), text };
}

async function text(name: string): Promise<string | undefined> {
  const cache = await caches.open(KEPT);
  return (await cache.match(name))?.text();
}

/** What this browser has. */
export async function kept(): Promise<Signed | undefined> {
  const [list, pin] = [await text(LIST), await text(PIN)];
  if (list === undefined || pin === undefined) return undefined;
  const signed = await open(list).catch(() => undefined);
  return signed?.key === pin ? signed : undefined;
}

/** Keeps a list and trusts its key from now on. */
export async function keep(signed: Signed): Promise<void> {
  const cache = await caches.open(KEPT);
  await cache.put(PIN, new Response(signed.key));
  await cache.put(LIST, new Response(signed.text));
}

export type Fetched = { is: "new" | "kept"; signed: Signed } | { is: "none" | "false" } | { is: "other"; signed: Signed; ours: string };

/** Asks for the newest list and keeps it, where it is of the key that is trusted here. */
export async function refresh(): Promise<Fetched> {
  const [ours, pin] = [await kept(), await text(PIN)];
  const answer = await fetch(LIST, { cache: "no-store" }).catch(() => undefined);
  if (!answer?.ok) return ours ? { is: "kept", signed: ours } : { is: "none" };
  const signed = await open(await answer.text()).catch(() => undefined);
  if (!signed) return ours ? { is: "kept", signed: ours } : { is: "false" };
  if (pin !== undefined && signed.key !== pin) return { is: "other", signed, ours: pin };
  // Somebody who sends yesterday's list hides what was taken back since.
  if (ours && ours.list.made > signed.list.made) return { is: "kept", signed: ours };
  await keep(signed);
  return { is: "new", signed };
}

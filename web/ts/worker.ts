// The service worker: keeps style, script and one page that says there is no network. Never a page or an answer with data:
// whatever is not in FILES comes from the network, or not at all. The server puts FILES and NAME before this text.
declare const FILES: string[];
declare const NAME: string;

interface Waits extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface Asks extends Waits {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
/** What `/verify` keeps for itself. */
const VERIFY = "mach verify";

const worker = self as unknown as { skipWaiting(): Promise<void>; clients: { claim(): Promise<void> } };

addEventListener("install", (event) => {
  const kept = caches.open(NAME).then((cache) => cache.addAll(FILES));
  (event as Waits).waitUntil(kept.then(() => worker.skipWaiting()));
});

addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((n) => n !== NAME && n !== VERIFY).map((n) => caches.delete(n))));
  (event as Waits).waitUntil(old.then(() => worker.clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event as Asks;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname.startsWith("/assets/")) {
    (event as Asks).respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  } else if (request.mode === "navigate") {
    // Who visited `/verify` has it here, for nobody in particular: see verify.ts. The address in a paper's code leads there too.
    const checks = ["/verify", "/certificates/check"].includes(url.pathname);
    const own = () => (checks ? caches.match("/verify") : Promise.resolve(undefined));
    const offline = async () => (await own()) ?? (await caches.match("/offline")) ?? Response.error();
    (event as Asks).respondWith(fetch(request).catch(offline));
  }
});

export {};

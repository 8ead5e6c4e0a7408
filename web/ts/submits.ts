// Forms that send themselves, ask first, or show that they are under way.
import { around, busy, go } from "./dom";

/** After the last key; short enough to feel live, long enough not to ask for each letter. */
const LIVE_MS = 220;

/** The form that sends itself soon: what it asked for before is of yesterday. */
let timer = 0;

function live(): void {
  const later = (event: Event): void => {
    const input = around<HTMLInputElement>(event, "input[data-live]");
    // While a Telex syllable is being composed the text is not yet what is meant; `compositionend` tells when it is.
    if (!input || (event instanceof InputEvent && event.isComposing)) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = 0;
      input.form?.requestSubmit();
    }, LIVE_MS);
  };
  document.addEventListener("input", later);
  document.addEventListener("compositionend", later);
}

function auto(): void {
  document.addEventListener("change", (event) => {
    const form = around<HTMLFormElement>(event, "form[data-auto]");
    if (form && !around(event, "[data-live]")) form.requestSubmit();
  });
}

function asking(): void {
  document.addEventListener("submit", (event) => {
    const form = around<HTMLFormElement>(event, "form[data-confirm]");
    if (form && !window.confirm(form.dataset.confirm)) event.preventDefault();
  });
}

/** Empty values leave the address: `?q=&status=refused` becomes `?status=refused`. */
function shortAddresses(): void {
  document.addEventListener("formdata", (event) => {
    if (!(event.target instanceof HTMLFormElement) || event.target.method !== "get") return;
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });
}

function progress(): void {
  window.addEventListener("beforeunload", () => busy());
  // Back from the cache of the browser: nothing is under way.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelector(".busy")?.remove();
  });
}

/** From a page down to a field in it. */
function way(page: Element, field: Element): Element[] {
  const found: Element[] = [];
  for (let at: Element | null = field; at; at = at === page ? null : at.parentElement) found.unshift(at);
  return found;
}

/** Puts a page around a field that one is in: a field that is taken out of the page, for however short, loses its focus, the keys
 *  that come meanwhile, and the syllable that Telex is composing. False where the field stands elsewhere in the new page. */
function enclose(from: Element, to: Element, kept: Element, same: Element): boolean {
  const mine = way(from, kept), its = way(to, same);
  if (mine.length !== its.length || mine.some((e, n) => e.tagName !== its[n]?.tagName)) return false;
  for (let n = 0; n + 1 < mine.length; n += 1) {
    const [old, now, inner, next] = [mine[n], its[n], mine[n + 1], its[n + 1]] as [Element, Element, Element, Element];
    for (const { name } of [...old.attributes]) if (!now.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const nodes = [...now.childNodes], at = nodes.indexOf(next);
    for (const node of [...old.childNodes]) if (node !== inner) node.remove();
    inner.before(...nodes.slice(0, at));
    old.append(...nodes.slice(at + 1));
  }
  return true;
}

/** Filters that follow each other so soon while one types are one step of the browser's way back. */
const STEP_MS = 2_000;
let typed = 0;
/** What is shown, which `location` says no more when one has gone back. */
let shown = "";

const address = (): string => location.pathname + location.search;

function step(to: URL, isTyped: boolean): void {
  const now = Date.now();
  const goesOn = (isTyped && now - typed < STEP_MS) || to.pathname + to.search === address();
  history[goesOn ? "replaceState" : "pushState"](null, "", to);
  typed = isTyped ? now : 0;
  shown = address();
}

/** Links beside the content that lead back to where one is: the language, the colours. */
const BACK = [".langs", ".menu", ".portal"];

/** The page that a form of filters asks for, put in the place of this one: where one was typing, one goes on typing. */
async function swap(form: HTMLFormElement, sent: AbortController): Promise<void> {
  const url = new URL(form.action);
  url.search = new URLSearchParams([...new FormData(form)].filter(([, v]) => v !== "") as [string, string][]).toString();
  const done = busy();
  try {
    const answer = await fetch(url, { signal: sent.signal, redirect: "manual", headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [from, to] = [document.querySelector("main"), page.querySelector("main")];
    // Another page's answer, a sign-in or a refusal is shown as the page it is.
    if (!answer.ok || !from || !to) return go(url);
    // More was typed, and is asked for in a moment: what stands in the fields is newer than this answer.
    if (timer) return;
    const old = document.activeElement, kept = old?.id && form.contains(old) ? old : null;
    const same = kept && page.getElementById(kept.id);
    if (!kept || !same || !to.contains(same) || !enclose(from, to, kept, same)) from.replaceWith(document.importNode(to, true));
    document.title = page.title;
    for (const part of BACK) {
      const now = page.querySelector(part);
      if (now) document.querySelector(part)?.replaceWith(document.importNode(now, true));
    }
    step(url, kept?.hasAttribute("data-live") === true);
    document.dispatchEvent(new Event("swapped"));
  } catch {
    if (!sent.signal.aborted) go(url);
  } finally {
    done();
  }
}

function swaps(): void {
  let last: AbortController | undefined;
  document.addEventListener("submit", (event) => {
    const form = around<HTMLFormElement>(event, "form[data-swap]");
    if (!form || event.defaultPrevented) return;
    event.preventDefault();
    clearTimeout(timer);
    timer = 0;
    last?.abort();
    void swap(form, (last = new AbortController()));
  });
  shown = address();
  // One went back, or forward: the page of then is asked for anew. A place within the page is none of its own.
  window.addEventListener("popstate", () => {
    if (address() !== shown && !document.querySelector("dialog[data-lock][open]")) location.reload();
  });
}

/** How long a form that was sent is not sent again: an answer takes its place, or it was stopped. */
const ONCE_MS = 10_000;

/** A form is sent once: the second of two clicks would do it again, and its answer would take the place of the first, which may
 *  have shown a code that nobody sees a second time. */
function once(): void {
  const sent = new Map<HTMLFormElement, number>();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !(form instanceof HTMLFormElement) || form.method !== "post" || form.dataset.upload !== undefined) return;
    const before = sent.get(form);
    if (before !== undefined && Date.now() - before < ONCE_MS) event.preventDefault();
    else sent.set(form, Date.now());
  });
  window.addEventListener("pageshow", () => sent.clear());
}

export function submits(): void {
  live();
  auto();
  asking();
  once();
  shortAddresses();
  progress();
  swaps();
}

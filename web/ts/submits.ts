// Forms that send themselves, ask first, or show that they are under way.
import { around, busy, go } from "./dom";

/** After the last key; short enough to feel live, long enough not to ask for each letter. */
const LIVE_MS = 220;

function live(): void {
  let timer = 0;
  const later = (event: Event): void => {
    const input = around<HTMLInputElement>(event, "input[data-live]");
    // While a Telex syllable is being composed the text is not yet what is meant; `compositionend` tells when it is.
    if (!input || (event instanceof InputEvent && event.isComposing)) return;
    clearTimeout(timer);
    timer = setTimeout(() => input.form?.requestSubmit(), LIVE_MS);
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
    const old = document.activeElement instanceof HTMLInputElement && from.contains(document.activeElement) ? document.activeElement : null;
    from.replaceWith(document.importNode(to, true));
    document.title = page.title;
    history.replaceState(null, "", url);
    const now = old?.id ? document.getElementById(old.id) : null;
    if (old && now instanceof HTMLInputElement) {
      const at = old.type === "search" ? old.selectionStart : null;
      if (now.type === "search") now.value = old.value;
      now.focus();
      if (at !== null) now.setSelectionRange(at, at);
    }
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
    last?.abort();
    void swap(form, (last = new AbortController()));
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

// Forms that send themselves, ask first, or show that they are under way.
import { around, busy } from "./dom";

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
  let done: (() => void) | undefined;
  document.addEventListener("htmx:before:request", () => {
    done?.();
    done = busy();
  });
  document.addEventListener("htmx:finally:request", () => done?.());
  window.addEventListener("beforeunload", () => busy());
  // Back from the cache of the browser: nothing is under way.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelector(".busy")?.remove();
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
}

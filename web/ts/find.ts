// The search box of every page: what is found stands under it while one types; arrows walk it, Enter opens, Esc closes.
// Without script the box leads to the page that shows the same.
import { around, go } from "./dom";

/** After the last key: each look is counted. */
const LIVE_MS = 180;

export function find(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-find]");
  const input = form?.querySelector("input"), panel = form?.querySelector<HTMLElement>(".panel");
  if (!form || !input || !panel) return;
  const told = form.querySelector<HTMLElement>("[role=status]");
  let timer = 0, sent: AbortController | undefined, shown: string | undefined;
  for (const [name, value] of [["role", "combobox"], ["aria-haspopup", "dialog"], ["aria-controls", panel.id]] as const) input.setAttribute(name, value);

  const show = (is: boolean): void => {
    panel.hidden = !is;
    input.setAttribute("aria-expanded", String(is));
  };
  // To who does not see the panel.
  const tell = (text = ""): void => {
    if (told) told.textContent = text;
  };
  show(false);

  const say = (text = ""): void => {
    const line = document.createElement("p");
    line.className = "muted";
    line.textContent = text;
    tell(text);
    panel.replaceChildren(line);
  };
  // The same text may be asked for once more.
  const fail = (text?: string): void => {
    say(text);
    shown = undefined;
  };
  const close = (): void => {
    sent?.abort();
    clearTimeout(timer);
    show(false);
    tell();
    shown = undefined;
  };
  const links = (): HTMLElement[] => [...panel.querySelectorAll<HTMLElement>("a[href]")];

  async function ask(): Promise<void> {
    if (!form || !input || !panel) return;
    const text = input.value.trim();
    if (text === shown && !panel.hidden) return;
    shown = text;
    sent?.abort();
    const now = (sent = new AbortController());
    show(true);
    const slow = setTimeout(() => say(form.dataset.loading), LIVE_MS);
    try {
      const url = `/search?${new URLSearchParams({ q: text })}`;
      const answer = await fetch(url, { signal: now.signal, redirect: "manual", headers: { "x-part": "found" } });
      // The session has ended or is locked: its door says so.
      if (answer.type === "opaqueredirect") return go(url);
      if (!answer.ok) return fail(answer.status === 429 ? form.dataset.many : form.dataset.failed);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      panel.replaceChildren(...page.body.childNodes);
      const count = links().length;
      tell(count ? form.dataset.count?.replace("#", String(count)) : (panel.textContent ?? "").trim());
    } catch {
      if (!now.signal.aborted) fail(form.dataset.failed);
    } finally {
      clearTimeout(slow);
    }
  }

  const later = (event: Event): void => {
    if (event instanceof InputEvent && event.isComposing) return;
    clearTimeout(timer);
    timer = setTimeout(() => void ask(), LIVE_MS);
  };
  input.addEventListener("input", later);
  input.addEventListener("compositionend", later);
  input.addEventListener("focus", () => void ask());
  form.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape" && !panel.hidden) {
      event.preventDefault();
      input.focus();
      close();
      return;
    }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const all = links(), at = all.indexOf(document.activeElement as HTMLElement);
    if (!all.length) return;
    event.preventDefault();
    const to = at + (event.key === "ArrowDown" ? 1 : -1);
    if (to < 0) input.focus();
    else all[Math.min(to, all.length - 1)]?.focus();
  });
  form.addEventListener("focusout", (event) => {
    if (!(event.relatedTarget instanceof Node) || !form.contains(event.relatedTarget)) close();
  });
  // A press on what is found must not first close it.
  panel.addEventListener("pointerdown", (event) => {
    if (!around(event, "a")) event.preventDefault();
  });
}

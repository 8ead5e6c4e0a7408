// The lock screen: over the page, so that what was typed stays. The server holds the lock; this only shows it.
import { around } from "./dom";

/** Left alone for so long, the screen locks itself; well before the session of somebody who treats people ends. */
const IDLE_MS = 10 * 60_000;
/** Between two words to the other tabs that somebody works in this one. */
const TELLS_MS = 5_000;
const JSON_ONLY = { accept: "application/json" };

export function lock(): void {
  const found = document.querySelector<HTMLDialogElement>("dialog[data-lock]");
  if (!found) return;
  const dialog = found;
  const wrong = dialog.querySelector<HTMLElement>(".wrong");
  const form = dialog.querySelector("form");
  const ended = dialog.querySelector<HTMLElement>("[data-ended]");
  const password = dialog.querySelector<HTMLInputElement>("input");
  if (!wrong || !form || !ended || !password) return;
  let used = Date.now();
  // Tabs of one session: work in any of them is work, and one that locks or opens does so for all.
  const tabs = new BroadcastChannel("mach-lock");
  let told = 0;

  /** Whether who is there has proved it since the page was hidden. */
  let isFree = true;

  function hide(): void {
    if (dialog.open) return;
    isFree = false;
    dialog.showModal();
    password?.focus();
  }

  async function close(): Promise<void> {
    if (dialog.open) return;
    hide();
    tabs.postMessage("locked");
    // Where the server cannot be told now, the page is hidden all the same; it asks for the password when it can.
    await fetch("/lock", { method: "POST", headers: JSON_ONLY, redirect: "manual" }).catch(() => undefined);
  }

  async function open(): Promise<void> {
    if (!form || !wrong || !ended || !password) return;
    const body = new URLSearchParams({ password: password.value });
    password.value = "";
    const answer = await fetch("/prove", { method: "POST", headers: JSON_ONLY, body, redirect: "manual" }).catch(() => undefined);
    if (answer?.status === 204) {
      wrong.hidden = true;
      ended.hidden = true;
      isFree = true;
      dialog.close();
      used = Date.now();
      tabs.postMessage("open");
      return;
    }
    if (answer?.status === 403) {
      const said = (await answer.json()) as { error?: string };
      wrong.textContent = said.error ?? "";
      wrong.hidden = false;
    } else {
      ended.hidden = false;
    }
    password.focus();
  }

  for (const event of ["pointerdown", "keydown", "wheel", "touchstart"]) {
    document.addEventListener(event, () => {
      used = Date.now();
      if (used - told > TELLS_MS && !dialog.open) tabs.postMessage("used");
      if (used - told > TELLS_MS) told = used;
    }, { passive: true });
  }
  tabs.addEventListener("message", ({ data }) => {
    used = Date.now();
    if (data === "locked") hide();
    else if (data === "open" && dialog.open) {
      isFree = true;
      dialog.close();
    }
  });
  setInterval(() => {
    if (Date.now() - used > IDLE_MS) void close();
  }, 15_000);
  document.addEventListener("submit", (event) => {
    const sent = around<HTMLFormElement>(event, "form");
    if (sent === form) {
      event.preventDefault();
      void open();
    } else if (sent?.getAttribute("action") === "/lock") {
      event.preventDefault();
      void close();
    }
  }, true);
  // Escape closes other dialogs, not this one. A browser may close it all the same (a second Escape, without a touch between): then
  // it hides the page again.
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.preventDefault();
  });
  dialog.addEventListener("close", () => {
    if (!isFree) hide();
  });
}

// Keyboard: `/` search, `?` help, `n` new, `Esc` close or back, `Ctrl+Enter` send. Also the buttons that mean the same.
import { around, isTyping } from "./dom";

function openDetails(): HTMLDetailsElement | undefined {
  return [...document.querySelectorAll<HTMLDetailsElement>("details.user[open],details.drawer[open],details.confirm[open]")].pop();
}

function showHelp(): void {
  document.querySelector<HTMLDialogElement>("dialog[data-keys]")?.showModal();
}

function close(details: HTMLDetailsElement): void {
  details.open = false;
  details.querySelector("summary")?.focus();
}

/** Closes what is open, leaves the field, or goes one step up the path. */
function escape(event: KeyboardEvent): void {
  if (document.querySelector("dialog[open]")) return;
  const open = openDetails();
  if (open) {
    close(open);
  } else if (isTyping(event.target)) {
    (event.target as HTMLElement).blur();
  } else {
    const up = [...document.querySelectorAll<HTMLAnchorElement>("main .crumbs a")].pop();
    if (up) up.click();
    else if (history.length > 1) history.back();
  }
}

function press(event: KeyboardEvent): void {
  // Telex and VNI build a letter from several keys: none of them is a command.
  if (event.isComposing || event.defaultPrevented) return;
  if (event.key === "Escape") return escape(event);
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = around<HTMLFormElement>(event, "form");
    if (form) {
      event.preventDefault();
      form.requestSubmit();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "/") {
    const search = document.querySelector<HTMLInputElement>("[data-search]");
    if (!search) return;
    event.preventDefault();
    // On a phone the box is a page of its own.
    if (!search.offsetParent) return location.assign("/search");
    search.focus();
    search.select();
  } else if (event.key === "?") {
    event.preventDefault();
    showHelp();
  } else if (event.key === "n") {
    document.querySelector<HTMLElement>("[data-new]")?.click();
  }
}

export function keys(): void {
  document.addEventListener("keydown", press);
  document.addEventListener("click", (event) => {
    if (around(event, "[data-print]")) window.print();
    if (around(event, "[data-help]")) showHelp();
    if (around(event, "[data-close]")) {
      const details = around<HTMLDetailsElement>(event, "details");
      if (details) close(details);
    }
    // A menu closes when something else is pressed.
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.user[open],details.drawer[open]")) {
      if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
    }
  });
}

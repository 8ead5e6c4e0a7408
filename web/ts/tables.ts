// Arrow keys walk the rows of a table, Enter opens the row's first link.
import { around } from "./dom";

function prepare(): void {
  for (const body of document.querySelectorAll("table[data-walk] > tbody")) {
    [...body.children].forEach((row, i) => row.setAttribute("tabindex", i === 0 ? "0" : "-1"));
  }
}

function walk(event: KeyboardEvent): void {
  const row = around<HTMLTableRowElement>(event, "table[data-walk] > tbody > tr");
  if (!row || event.target !== row) return;
  const to = {
    ArrowDown: row.nextElementSibling,
    ArrowUp: row.previousElementSibling,
    Home: row.parentElement?.firstElementChild,
    End: row.parentElement?.lastElementChild,
  }[event.key];
  if (event.key === "Enter") row.querySelector<HTMLAnchorElement>("a[href]")?.click();
  if (!(to instanceof HTMLElement)) return;
  event.preventDefault();
  row.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

export function tables(): void {
  prepare();
  document.addEventListener("swapped", prepare);
  document.addEventListener("keydown", walk);
}

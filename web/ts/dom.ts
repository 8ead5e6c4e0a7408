/** The nearest element around an event that fits, if any. */
export function around<T extends Element>(event: Event, selector: string): T | null {
  return event.target instanceof Element ? event.target.closest<T>(selector) : null;
}

/** Whether keys belong to what is being typed. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit", "file"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

let waiting = 0;
let bar: HTMLElement | null = null;

/** A thin bar on top while something is asked for; not for what answers at once. */
export function busy(): () => void {
  waiting += 1;
  const show = setTimeout(() => {
    if (bar) return;
    bar = document.createElement("div");
    bar.className = "busy";
    document.body.append(bar);
  }, 150);
  let done = false;
  return () => {
    if (done) return;
    done = true;
    clearTimeout(show);
    waiting -= 1;
    if (waiting > 0) return;
    bar?.remove();
    bar = null;
  };
}

/** Shows another page. Under a locked screen this one stays, with what was typed in it. */
export function go(to: string | URL): void {
  if (!document.querySelector("dialog[data-lock][open]")) location.assign(to);
}

// Forms of questions: the draft is kept while one types, and what the server computed is put in its place. Without script
// the buttons do the same. A file of its own: only pages with a form load it.
import { around } from "./dom";

const AFTER_CHANGE_MS = 250;
const AFTER_TYPING_MS = 2500;
const PICTURE_EDGE = 900;

/** What the server last said of an item, so that only what it changed is replaced. */
const known = new WeakMap<Element, string>();
const touched = new WeakMap<Element, number>();
let moment = 0;

const own = (item: Element): Element => item.querySelector(":scope > [data-own]") ?? item;
const list = (item: Element): Element | null => item.querySelector(":scope > [data-items]");
const html = (item: Element): string => (list(item) ? own(item).outerHTML : item.outerHTML);

function remember(root: ParentNode): void {
  for (const item of root.querySelectorAll("[data-item]")) known.set(item, html(item));
}

/** Puts what is new in `to` in the place of what is old in `from`; leaves alone what was touched since `sent`. */
function patch(from: Element, to: Element, sent: number): void {
  const old = new Map<string, Element>();
  for (const item of from.querySelectorAll(":scope > [data-item]")) old.set(item.getAttribute("data-item") ?? "", item);
  let last: Element | null = null;
  for (const fresh of [...to.querySelectorAll(":scope > [data-item]")]) {
    const name = fresh.getAttribute("data-item") ?? "";
    let item = old.get(name);
    old.delete(name);
    const text = html(fresh);
    const [mine, theirs] = item ? [list(item), list(fresh)] : [null, null];
    if (!item || !mine !== !theirs || item.tagName !== fresh.tagName) {
      const busy = item?.contains(document.activeElement);
      if (item && busy && !mine) { last = item; continue; }
      const copy = document.importNode(fresh, true);
      if (item) item.replaceWith(copy);
      else if (last) last.after(copy);
      else from.prepend(copy);
      item = copy;
      remember(copy);
      draw(copy);
    } else {
      const part = mine ? own(item) : item;
      const busy = part.contains(document.activeElement) || (touched.get(item) ?? 0) > sent;
      if (known.get(item) !== text && !busy && part !== mine && (part !== item || !mine)) {
        const copy = document.importNode(mine ? own(fresh) : fresh, true);
        part.replaceWith(copy);
        if (!mine) item = copy;
        draw(copy);
      }
      if (!busy) known.set(item, text);
      if (mine && theirs) patch(mine, theirs, sent);
    }
    last = item;
  }
  for (const gone of old.values()) gone.remove();
}

function keep(form: HTMLFormElement): void {
  let timer = 0, under = false, again = false;
  const says = form.querySelector("output[aria-live]");
  const save = async (): Promise<void> => {
    if (under) { again = true; return; }
    under = true;
    again = false;
    const sent = ++moment;
    if (says) says.textContent = form.dataset.saving ?? "";
    try {
      const answer = await fetch(form.dataset.draft ?? "", { method: "POST", body: new FormData(form), headers: { "x-draft": "1" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("form.qform");
      const [from, to] = [form.querySelector(":scope > [data-items]"), fresh?.querySelector(":scope > [data-items]")];
      if (!answer.ok || !from || !to) throw new Error(String(answer.status));
      patch(from, to, sent);
      // The version of the draft moves on with it.
      for (const field of fresh?.querySelectorAll<HTMLInputElement>(":scope > input[type=hidden]") ?? []) {
        const same = form.querySelector<HTMLInputElement>(`:scope > input[name="${CSS.escape(field.name)}"]`);
        if (same) same.value = field.value;
      }
      const kept = form.dataset.kept;
      if (says) says.textContent = kept && `${kept} ${new Date().toLocaleTimeString("vi", { hour: "2-digit", minute: "2-digit" })}` || "";
    } catch {
      if (says) says.textContent = form.dataset.lost ?? "";
    }
    under = false;
    if (again) later(AFTER_CHANGE_MS);
  };
  const later = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void save(), ms);
  };
  const mark = (event: Event): void => {
    const item = around(event, "[data-item]");
    if (item) touched.set(item, ++moment);
  };
  form.addEventListener("input", (event) => { mark(event); later(AFTER_TYPING_MS); });
  form.addEventListener("change", (event) => { mark(event); later(AFTER_CHANGE_MS); });
  form.addEventListener("submit", () => clearTimeout(timer));
}

/** Fields to draw or sign in. */
function draw(root: ParentNode): void {
  for (const pad of root.querySelectorAll<HTMLElement>("[data-draw]")) {
    const canvas = pad.querySelector("canvas"), ink = canvas?.getContext("2d");
    const field = pad.parentElement?.querySelector<HTMLInputElement>("[data-drawn]");
    if (!canvas || !ink || !field) continue;
    ink.lineWidth = 3;
    ink.lineCap = "round";
    let down = false;
    const at = (event: PointerEvent): [number, number] => {
      const box = canvas.getBoundingClientRect();
      return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
    };
    const done = (): void => {
      if (!down) return;
      down = false;
      field.value = canvas.toDataURL("image/png");
      field.dispatchEvent(new Event("change", { bubbles: true }));
    };
    canvas.onpointerdown = (event) => { down = true; canvas.setPointerCapture(event.pointerId); ink.beginPath(); ink.moveTo(...at(event)); };
    canvas.onpointermove = (event) => { if (down) { ink.lineTo(...at(event)); ink.stroke(); } };
    canvas.onpointerup = done;
    canvas.onpointercancel = done;
    const clear = pad.querySelector("button");
    if (clear) clear.onclick = () => { ink.clearRect(0, 0, canvas.width, canvas.height); field.value = ""; };
  }
}

/** A picture from a phone is made small before it travels. */
async function shrink(input: HTMLInputElement): Promise<void> {
  const field = input.parentElement?.querySelector<HTMLInputElement>("[data-drawn]"), file = input.files?.[0];
  if (!field || !file?.type.startsWith("image/")) return;
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, PICTURE_EDGE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  field.value = canvas.toDataURL("image/jpeg", 0.85);
  input.value = "";
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function forms(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form.qform")) {
    remember(form);
    draw(form);
    if (form.dataset.draft) keep(form);
  }
  document.addEventListener("change", (event) => {
    const input = around<HTMLInputElement>(event, "[data-photo] input[type=file]");
    if (!input?.files?.length) return;
    event.stopPropagation();
    void shrink(input).catch(() => undefined);
  }, true);
}

forms();

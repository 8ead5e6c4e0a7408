// `/verify` without a network: the page, its script and the signed list stay in the browser, and QR codes are checked by them
// alone. With a network the server is asked, which knows what was taken back a minute ago.
import { Pairs, Unreadable, asPrinted, isCode, verify, type Code, type Standing, type Value, type Verdict } from "./hc1";
import { KEPT, keep, kept, refresh, type Signed } from "./trustlist";

type Words = Record<string, string>;
type Line = [string, string];

const CODE_WAITS_MS = 8_000;
const LOOKS_EACH_MS = 150;
const SKEW = 600;
/** Sizes at which a picture is looked at: a code may be a small part of a large one. */
const SIZES = [1600, 800, 2600];

const part = document.getElementById("offline");
if (part) start(part);

function fill(text: string | undefined, ...values: string[]): string {
  return (text ?? "").replace(/\{(\d)\}/g, (_, n: string) => values[Number(n)] ?? "");
}

/** As people here write it, in Viet Nam's time. */
function when(at: number): string {
  const t = new Date((at + 7 * 3600) * 1000);
  const two = (n: number): string => String(n).padStart(2, "0");
  const clock = [t.getUTCHours(), t.getUTCMinutes(), t.getUTCSeconds()].map(two).join(":");
  return `${clock} ngày ${two(t.getUTCDate())}/${two(t.getUTCMonth() + 1)}/${String(t.getUTCFullYear()).padStart(4, "0")}`;
}

/** Nothing that turns the text around. */
function plain(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

function leaves(path: string, value: Value, out: Line[]): void {
  const below = (name: string): string => (path === "" ? name : `${path}.${name}`);
  if (value instanceof Pairs) {
    for (const [key, inner] of value.all) leaves(typeof key === "string" ? below(key) : path, inner, out);
  } else if (Array.isArray(value)) {
    value.forEach((inner, i) => leaves(below(String(i + 1)), inner, out));
  } else if (typeof value === "string" || typeof value === "boolean" || typeof value === "bigint" || Number.isInteger(value)) {
    out.push([plain(path), plain(String(value))]);
  }
}

function start(part: HTMLElement): void {
  const words = JSON.parse(part.dataset.words ?? "{}") as Words;
  const answer = document.getElementById("answer");
  const form = document.querySelector<HTMLFormElement>('form[action="/verify"]');
  const text = form?.querySelector<HTMLTextAreaElement>('[name="code"]');
  const file = form?.querySelector<HTMLInputElement>('[name="file"]');
  if (!answer || !form || !text || !file) return;
  const one = <T extends HTMLElement>(selector: string): T => part.querySelector<T>(selector) as T;
  part.hidden = false;
  if (!("caches" in window) || !("serviceWorker" in navigator) || !crypto.subtle) {
    one("[data-list]").textContent = words.cannot ?? "";
    return;
  }

  let signed: Signed | undefined;
  const tell = (now: Signed | undefined): void => {
    signed = now;
    one("[data-list]").textContent = now ? fill(words.list, when(now.list.made), when(now.list.until)) : (words.none ?? "");
    one("[data-key]").textContent = now?.key ?? "—";
  };

  async function renew(): Promise<void> {
    const got = await refresh();
    const other = one("[data-other-key]");
    other.hidden = got.is !== "other";
    if (got.is === "other") {
      const [said, code, button] = [other.querySelector("p"), other.querySelector("code"), other.querySelector("button")];
      if (said) said.textContent = words.otherKey ?? "";
      if (code) code.textContent = got.signed.key;
      if (button) button.onclick = () => void keep(got.signed).then(renew);
      tell(await kept());
    } else if (got.is === "false") {
      one("[data-list]").textContent = words.falseList ?? "";
    } else {
      tell("signed" in got ? got.signed : undefined);
    }
  }

  /** The page with all it needs, of one version; what is not of it any more goes. */
  async function stay(): Promise<void> {
    await navigator.serviceWorker.ready;
    const cache = await caches.open(KEPT);
    const files = ["/verify", ...(part.dataset.keep ?? "").split(" ")];
    // What cannot be fetched whole changes nothing: the version that is here goes on.
    const isNew = await cache.addAll(files).then(() => true, () => false);
    const wanted = new Set([...files, "/verify/list", "/verify/list/key"]);
    if (!(await cache.match("/verify"))) return;
    if (isNew) {
      for (const { url } of await cache.keys()) if (!wanted.has(new URL(url).pathname)) await cache.delete(url);
    }
    one("[data-ready]").textContent = words.ready ?? "";
  }

  const notice = (tone: string, said: string | undefined): Node => {
    const template = one<HTMLTemplateElement>(`[data-notice="${tone}"]`);
    const made = template.content.cloneNode(true) as DocumentFragment;
    const span = made.querySelector(".notice > div > span");
    if (span) span.textContent = said ?? "";
    return made;
  };
  const card = (title: string, lines: Line[]): Node => {
    const made = one<HTMLTemplateElement>("[data-card]").content.cloneNode(true) as DocumentFragment;
    const [heading, body] = [made.querySelector("h2"), made.querySelector(".body")];
    if (heading) heading.textContent = title;
    const list = document.createElement("dl");
    list.className = "defs";
    for (const [name, value] of lines) {
      const [row, dt, dd] = ["div", "dt", "dd"].map((tag) => document.createElement(tag)) as [HTMLElement, HTMLElement, HTMLElement];
      [dt.textContent, dd.textContent] = [name, value || "—"];
      row.append(dt, dd);
      list.append(row);
    }
    body?.append(list);
    return made;
  };
  const show = (...nodes: Node[]): void => {
    answer.replaceChildren(...nodes);
    answer.focus();
  };

  const stands = (s: Standing, at: number | null | undefined): string =>
    s === "revoked" ? fill(words.revoked, when(at ?? 0)) : (words[s] ?? "");

  function lines(found: Verdict): Line[] {
    const { code, signer } = found;
    const why = { other: words.refused, altered: words.false, over: words.refused, toCome: words.false }[found.state as string];
    const out: Line[] = [[words.signer ?? "", signer ? (signer.name ?? words.unknown ?? "") : (words.unknown ?? "")]];
    if (signer?.organisation) out.push([words.organisation ?? "", signer.organisation]);
    out.push(
      [words.issuer ?? "", signer?.issuer ?? words.unknown ?? ""],
      [words.said ?? "", when(code.issued)],
      [words.proved ?? "", words.notProved ?? ""],
      [words.integrity ?? "", why ? fill(words.wrong, why) : (words.whole ?? "")],
      [words.then ?? "", stands(found.then, signer?.revoked)],
      [words.now ?? "", stands(found.now, signer?.revoked)],
      [words.scheme ?? "", code.algorithm === "ES256" ? "ECDSA P-256, SHA-256" : "RSASSA-PSS, SHA-256"],
    );
    return out.map(([name, value]) => [name, plain(value)]);
  }

  function claims(code: Code, isCurrent: boolean): Line[] {
    const out: Line[] = [
      [words.codeIssuer ?? "", plain(code.issuer)],
      [words.codeIssued ?? "", when(code.issued)],
      [words.codeExpires ?? "", when(code.expires)],
    ];
    if (!isCurrent) out.push([words.integrity ?? "", words.notCurrent ?? ""]);
    leaves("", code.content, out);
    return out;
  }

  /** What this device says by itself. */
  async function here(typed: string): Promise<void> {
    if (!signed) return show(notice("warning", words.none));
    if (!isCode(typed)) return show(notice("warning", words.notSigned));
    const now = Math.floor(Date.now() / 1000);
    const { made, until } = signed.list;
    const asOf = notice("info", fill(words.asOf, when(made)));
    // A list of the future and one too old are as good as none: who was trusted then may not be now.
    const unfit = now + SKEW < made ? fill(words.clock, when(made)) : now > until ? fill(words.old, when(made)) : undefined;
    let found: Verdict;
    try {
      found = await verify(typed, signed.list, now);
    } catch (error) {
      const why = error instanceof Unreadable ? words[error.why] : words.malformed;
      return show(notice("bad", fill(words.unreadable, why ?? "")));
    }
    const nodes: Node[] = [];
    if (unfit !== undefined) nodes.push(notice("warning", unfit));
    if (found.ended) {
      const [at, why] = found.ended;
      const said = why === "revoked" ? words.paperRevoked : why === "open" ? words.paperOpen : words.paperReplaced;
      nodes.push(notice("bad", fill(said, when(at))));
    }
    const isGood = found.state === "good";
    if (!isGood) nodes.push(notice("bad", words[found.state]));
    else if (unfit === undefined) nodes.push(notice(found.ended ? "info" : "good", words.good));
    const isCurrent = found.code.expires >= now && found.code.issued <= now + SKEW;
    show(...nodes, asOf, card(words.signature ?? "", lines(found)), card(words.content ?? "", claims(found.code, isCurrent)));
  }

  /** Asks the server; where it cannot be asked, this device says what it can. */
  async function ask(body: FormData, code: string | undefined): Promise<void> {
    const stop = new AbortController();
    const timer = code === undefined ? 0 : setTimeout(() => stop.abort(), CODE_WAITS_MS);
    const got = await fetch("/verify", { method: "POST", body, signal: stop.signal }).catch(() => undefined);
    clearTimeout(timer);
    if (!got) return code === undefined ? show(notice("warning", words.file)) : here(code);
    // A server that is not well is as one that is not there; what is refused is told by its own page.
    const isSick = got.status >= 500 || got.status === 429;
    if (!got.ok) return isSick && code !== undefined ? here(code) : form?.submit();
    const page = new DOMParser().parseFromString(await got.text(), "text/html");
    const said = page.getElementById("answer");
    // Somebody else's page: a network that wants a sign-in first.
    if (!said) return code === undefined ? show(notice("warning", words.file)) : here(code);
    show(...said.childNodes);
  }

  async function take(found: string): Promise<void> {
    const code = asPrinted(found);
    if (text) text.value = code;
    if (file) file.value = "";
    // A paper without a signature in its code: its own page says what is known of it.
    if (code.startsWith(`${location.origin}/`) && !isCode(code)) {
      const known = await fetch("/healthz").catch(() => undefined);
      if (known?.ok) return location.assign(code);
    }
    const body = new FormData();
    body.set("code", code);
    await ask(body, code);
  }

  form.addEventListener("submit", (event) => {
    const picked = file.files?.[0];
    if (picked && text.value.trim() !== "") return;
    if (!picked && text.value.trim() === "") return;
    event.preventDefault();
    if (!picked) return void take(text.value);
    if (!picked.type.startsWith("image/")) {
      void picked.text().then((inside) => {
        const isText = picked.size < 20_000 && isCode(asPrinted(inside));
        return ask(new FormData(form), isText ? asPrinted(inside) : undefined);
      });
      return;
    }
    void inPicture(picked).then((found) => (found === undefined ? show(notice("bad", words.image)) : take(found)));
  });

  const detector = finder(part.dataset.decoder ?? "");

  async function inPicture(picture: Blob): Promise<string | undefined> {
    const drawn = await createImageBitmap(picture).catch(() => undefined);
    if (!drawn) return undefined;
    for (const size of SIZES) {
      const found = await detector(drawn, drawn.width, drawn.height, size, 1_500);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  const [button, view] = [one<HTMLButtonElement>("[data-camera]"), one<HTMLVideoElement>("[data-view]")];
  button.hidden = !navigator.mediaDevices?.getUserMedia;
  let stream: MediaStream | undefined;
  const close = (): void => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = undefined;
    view.hidden = true;
    button.textContent = words.camera ?? "";
  };
  button.addEventListener("click", () => {
    if (stream) return close();
    const wish = { video: { facingMode: "environment", width: { ideal: 1280 } }, audio: false };
    void navigator.mediaDevices.getUserMedia(wish).then(
      async (opened) => {
        stream = opened;
        view.srcObject = opened;
        view.hidden = false;
        button.textContent = words.cameraStop ?? "";
        await view.play().catch(() => undefined);
        const look = async (): Promise<void> => {
          if (!stream) return;
          const found = view.videoWidth > 0 ? await detector(view, view.videoWidth, view.videoHeight, 1280, 100) : undefined;
          if (found === undefined) {
            setTimeout(() => void look(), LOOKS_EACH_MS);
          } else {
            close();
            await take(found);
          }
        };
        await look();
      },
      () => show(notice("warning", words.cameraNone)),
    );
  });
  window.addEventListener("pagehide", close);

  // A telephone's own camera opened the address of a paper: its code stands behind it. Where the page is open already, nothing of it
  // is loaded again.
  const fromAddress = (): void | Promise<void> => {
    if (location.hash.startsWith("#hc1=")) return take(location.href);
  };
  window.addEventListener("hashchange", () => void fromAddress());

  tell(undefined);
  void kept()
    .then((ours) => ours && tell(ours))
    .then(renew)
    .then(() => {
      void stay();
      return fromAddress();
    });
}

type Finder = (from: CanvasImageSource & ImageBitmapSource, width: number, height: number, size: number, patience: number) => Promise<string | undefined>;
interface Detector {
  detect(from: ImageBitmapSource): Promise<{ rawValue: string }[]>;
}

/** The browser's own detector of QR codes, else a library that is fetched when it is first needed. */
function finder(address: string): Finder {
  const made = async (): Promise<Detector | undefined> => {
    const known = (window as unknown as { BarcodeDetector?: { new (of: object): Detector; getSupportedFormats(): Promise<string[]> } }).BarcodeDetector;
    return known && (await known.getSupportedFormats()).includes("qr_code") ? new known({ formats: ["qr_code"] }) : undefined;
  };
  let own: Promise<Detector | undefined> | undefined;
  const canvas = document.createElement("canvas");
  return async (from, width, height, size, patience) => {
    own ??= made().catch(() => undefined);
    const detector = await own;
    if (detector) return (await detector.detect(from).catch(() => []))[0]?.rawValue;
    const scale = Math.min(1, size / Math.max(width, height));
    [canvas.width, canvas.height] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) return undefined;
    context.drawImage(from, 0, 0, canvas.width, canvas.height);
    const image = context.getImageData(0, 0, canvas.width, canvas.height);
    const { decode } = (await import(address)) as typeof import("./decode");
    return decode(image, patience);
  };
}

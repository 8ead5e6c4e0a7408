// The state's desktop signer (VGCA): a program on the reader's machine that has their token. The page tells it where to fetch one
// file and where to bring it; whether it is signed the server alone says, whatever the program answers.

/** How long the owner of the token may take: after that the address of the file is over. */
const PATIENCE_MS = 15 * 60_000;

interface Handed {
  fetch: string;
  bring: string;
  session: string;
}
interface Told {
  state: "signed" | "refused" | "away" | "over";
  why: string;
}
class Refused extends Error {}

async function asked<T>(path: string, method: "GET" | "POST"): Promise<T> {
  const answer = await fetch(path, { method, redirect: "manual" });
  // The way to a door: the session has ended, or wants a proof.
  if (answer.type === "opaqueredirect") {
    location.reload();
    throw new Refused("");
  }
  const said = (await answer.json().catch(() => ({}))) as T & { error?: string };
  if (!answer.ok) throw new Refused(said.error ?? "");
  return said;
}

/** What the program says of one question: `no` with its words, or that it is not there, or went away. */
function program(address: string, question: string): Promise<{ how: "yes" | "no" | "down" | "cut"; words: string }> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${address}/SignApproved`);
    let open = false;
    const end = (how: "yes" | "no" | "down" | "cut", words = ""): void => {
      clearTimeout(timer);
      resolve({ how, words });
      socket.close();
    };
    const timer = setTimeout(() => end("cut"), PATIENCE_MS);
    socket.addEventListener("open", () => {
      open = true;
      socket.send(question);
    });
    socket.addEventListener("message", (event) => {
      let said: { Status?: unknown; Message?: unknown } = {};
      try {
        said = JSON.parse(String(event.data)) as typeof said;
      } catch {
        // What is no answer is none: the server is asked all the same.
      }
      const good = said.Status === 0 || said.Status === true;
      end(good ? "yes" : "no", typeof said.Message === "string" ? said.Message.slice(0, 300) : "");
    });
    socket.addEventListener("close", () => end(open ? "cut" : "down"));
  });
}

const part = document.querySelector<HTMLElement>("[data-desktop]");
const words = part?.dataset ?? {};
const address = words.desktop ?? "";

/** Signs one paper; whether it is signed now. */
async function sign(row: HTMLElement): Promise<boolean> {
  const [button, said] = [row.querySelector("button"), row.querySelector<HTMLElement>("[role=status]")];
  if (!button || !said || button.hidden) return false;
  const tell = (text: string, how: string): void => {
    said.textContent = text;
    said.className = how;
    said.hidden = false;
  };
  button.disabled = true;
  tell(words.working ?? "", "muted");
  try {
    const path = `/signing/desktop/${row.dataset.sign ?? ""}`;
    const handed = await asked<Handed>(path, "POST");
    const here = (to: string): string => new URL(to, location.href).href;
    const question = { FileUploadHandler: here(handed.bring), SessionId: "", FileName: here(handed.fetch) };
    const answer = await program(address, JSON.stringify(question));
    const told = await asked<Told>(`${path}?session=${encodeURIComponent(handed.session)}`, "GET");
    if (told.state === "signed") {
      button.hidden = true;
      tell(words.signed ?? "", "muted");
      return true;
    }
    if (told.state === "refused") tell(told.why, "wrong");
    else if (told.state === "over") tell(words.over ?? "", "wrong");
    else if (answer.how === "down") tell(words.down ?? "", "wrong");
    else if (answer.how === "no") tell(`${words.no ?? ""} ${answer.words}`.trim(), "wrong");
    else tell(words.cut ?? "", "wrong");
  } catch (error) {
    tell(error instanceof Refused && error.message !== "" ? error.message : (words.failed ?? ""), "wrong");
  }
  button.disabled = false;
  return false;
}

const rows = [...document.querySelectorAll<HTMLElement>("[data-sign]")];
const all = document.querySelector<HTMLButtonElement>("[data-sign-all]");
/** One after the other: the program asks for one PIN at a time. */
let busy = false;
async function work(which: HTMLElement[]): Promise<void> {
  if (busy) return;
  busy = true;
  if (all) all.disabled = true;
  // Where one is not signed, the others are not asked for: its owner said no, or the program is not there.
  for (const row of which) if (!row.querySelector("button")?.hidden && !(await sign(row))) break;
  busy = false;
  if (all) all.disabled = false;
}
for (const row of rows) {
  const button = row.querySelector("button");
  if (!button) continue;
  button.hidden = false;
  button.addEventListener("click", () => void work([row]));
}
if (all) {
  all.hidden = false;
  all.addEventListener("click", () => void work(rows));
}

export {};

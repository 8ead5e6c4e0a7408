// A reader of fingerprints on this machine: it is asked to look at a finger for exactly one paper, and its signed statement goes with the
// form. Neither picture nor template of the finger comes here; the server alone says whether the statement counts.

const PATIENCE_MS = 2 * 60_000;

function read(address: string, question: string): Promise<string | "down" | "no"> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${address}/read`);
    let open = false;
    const end = (said: string): void => {
      clearTimeout(timer);
      resolve(said);
      socket.close();
    };
    const timer = setTimeout(() => end("no"), PATIENCE_MS);
    socket.addEventListener("open", () => {
      open = true;
      socket.send(question);
    });
    socket.addEventListener("message", (event) => {
      try {
        const { statement } = JSON.parse(String(event.data)) as { statement?: unknown };
        end(typeof statement === "string" && statement !== "" ? statement : "no");
      } catch {
        end("no");
      }
    });
    socket.addEventListener("close", () => end(open ? "no" : "down"));
  });
}

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-reader]")) {
  const [button, said] = [form.querySelector("button"), form.querySelector<HTMLElement>("[role=status]")];
  const field = form.querySelector<HTMLInputElement>('input[name="statement"]');
  if (!button || !said || !field) continue;
  const tell = (text: string | undefined, how: string): void => {
    said.textContent = text ?? "";
    said.className = how;
    said.hidden = false;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    button.disabled = true;
    tell(form.dataset.working, "muted");
    // What the paper says may depend on what was typed: the question goes out with it.
    const typed = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)]));
    fetch(form.dataset.question ?? "", { method: "POST", body: typed, redirect: "manual" })
      .then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error())))
      .then((question) => read(form.dataset.reader ?? "", question))
      .then((statement) => {
        if (statement === "down" || statement === "no") return tell(statement === "down" ? form.dataset.down : form.dataset.no, "wrong");
        field.value = statement;
        form.submit();
      })
      .catch(() => tell(form.dataset.failed, "wrong"))
      .finally(() => (button.disabled = false));
  });
}

export {};

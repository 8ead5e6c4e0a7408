// Files: drop them, and see how far they are. Without script the form sends them plainly.
import { around } from "./dom";

function send(form: HTMLFormElement): void {
  const box = form.querySelector<HTMLElement>(".progress");
  const bar = form.querySelector("progress");
  const says = form.querySelector("output");
  const button = form.querySelector<HTMLButtonElement>("button[type=submit]");
  if (!box || !bar || !says || !button) return;
  const request = new XMLHttpRequest();
  const failed = (): void => {
    says.textContent = form.dataset.failed ?? "";
    button.disabled = false;
  };
  request.upload.onprogress = (event) => {
    const percent = event.lengthComputable ? Math.round((100 * event.loaded) / event.total) : 0;
    bar.value = percent;
    says.textContent = `${form.dataset.sending} ${percent} %`;
  };
  request.upload.onload = () => {
    bar.removeAttribute("value");
    says.textContent = form.dataset.checking ?? "";
  };
  request.onerror = failed;
  request.onload = () => {
    // A redirect was followed: go there. Else the answer is the page to show, a refusal included.
    if (request.responseURL && request.responseURL !== form.action) return location.assign(request.responseURL);
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const main = page.querySelector("main");
    if (!main) return failed();
    document.querySelector("main")?.replaceWith(main);
    main.focus();
  };
  request.open("POST", form.action);
  box.hidden = false;
  button.disabled = true;
  request.send(new FormData(form));
}

export function uploads(): void {
  document.addEventListener("submit", (event) => {
    const form = around<HTMLFormElement>(event, "form[data-upload]");
    if (!form) return;
    event.preventDefault();
    send(form);
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const drop = around<HTMLElement>(event, "form[data-upload] .drop");
      if (!drop) return;
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      const files = (event as DragEvent).dataTransfer?.files;
      const input = drop.querySelector<HTMLInputElement>("input[type=file]");
      if (kind === "drop" && files?.length && input) input.files = files;
    });
  }
}

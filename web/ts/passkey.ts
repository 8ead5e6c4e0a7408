// Passkeys: what the browser has to do with the device. The server decides what is taken; without script passwords and codes do all.

const toBytes = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const toText = (bytes: ArrayBuffer | null): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes ?? new ArrayBuffer(0)))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

interface Descriptor {
  type: "public-key";
  id: string;
}
const described = (list: Descriptor[]): PublicKeyCredentialDescriptor[] => list.map(({ type, id }) => ({ type, id: toBytes(id) }));

class Refused extends Error {}

async function post<T>(path: string, fields: Record<string, string>): Promise<T> {
  const answer = await fetch(path, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });
  // The way to a door: the session has ended, or wants a proof.
  if (answer.type === "opaqueredirect") {
    location.reload();
    throw new Refused("");
  }
  const said = (await answer.json().catch(() => ({}))) as T & { error?: string };
  if (!answer.ok) throw new Refused(said.error ?? "");
  return said;
}

type Making = Omit<PublicKeyCredentialCreationOptions, "challenge" | "user" | "excludeCredentials"> & {
  challenge: string;
  user: { id: string; name: string; displayName: string };
  excludeCredentials: Descriptor[];
};
type Using = Omit<PublicKeyCredentialRequestOptions, "challenge" | "allowCredentials"> & { challenge: string; allowCredentials: Descriptor[] };

async function make(part: HTMLElement): Promise<void> {
  const name = part.querySelector<HTMLInputElement>("input")?.value ?? "";
  const asked = await post<Making>("/account/passkeys/options", {});
  const made = (await navigator.credentials.create({
    publicKey: {
      ...asked,
      challenge: toBytes(asked.challenge),
      user: { ...asked.user, id: toBytes(asked.user.id) },
      excludeCredentials: described(asked.excludeCredentials),
    },
  })) as PublicKeyCredential | null;
  if (!made) throw new Refused("");
  const response = made.response as AuthenticatorAttestationResponse;
  const fields = { name, client: toText(response.clientDataJSON), attestation: toText(response.attestationObject) };
  const kept = await post<{ to?: string; codes?: string }>("/account/passkeys", fields);
  const [codes, list] = [part.querySelector<HTMLElement>("[data-codes]"), part.querySelector("[data-list]")];
  if (kept.codes === undefined || !codes || !list) return location.assign(kept.to ?? "/account/passkeys");
  // The only time they are shown.
  list.innerHTML = kept.codes;
  codes.hidden = false;
  part.querySelector("button")?.remove();
}

async function use(part: HTMLElement, what: string): Promise<void> {
  const asked = await post<Using>("/passkey/options", { for: what });
  const used = (await navigator.credentials.get({
    publicKey: { ...asked, challenge: toBytes(asked.challenge), allowCredentials: described(asked.allowCredentials) },
  })) as PublicKeyCredential | null;
  if (!used) throw new Refused("");
  const response = used.response as AuthenticatorAssertionResponse;
  const got = await post<{ to: string }>("/passkey", {
    for: what, next: part.dataset.next ?? "", id: toText(used.rawId), client: toText(response.clientDataJSON),
    data: toText(response.authenticatorData), signature: toText(response.signature), user: toText(response.userHandle),
  });
  // A form that waits behind the door is sent on as it is.
  const form = document.querySelector<HTMLFormElement>('form[action="/prove"]');
  if (what === "prove" && form?.querySelector('[name="carried"]')) {
    const mark = document.createElement("input");
    [mark.type, mark.name, mark.value] = ["hidden", "by", "passkey"];
    form.append(mark);
    return form.submit();
  }
  location.assign(got.to);
}

for (const part of document.querySelectorAll<HTMLElement>("[data-passkey]")) {
  const [button, wrong] = [part.querySelector("button"), part.querySelector<HTMLElement>(".wrong")];
  if (!button || !wrong) continue;
  const what = part.dataset.passkey ?? "";
  const tell = (text: string): void => {
    wrong.textContent = text;
    wrong.hidden = text === "";
  };
  if (typeof PublicKeyCredential === "undefined") {
    if (what !== "prove") tell(part.dataset.cannot ?? "");
    continue;
  }
  button.hidden = false;
  button.addEventListener("click", () => {
    tell("");
    button.disabled = true;
    (what === "add" ? make(part) : use(part, what))
      .catch((error: unknown) => tell(error instanceof Refused && error.message !== "" ? error.message : (part.dataset.failed ?? "")))
      .finally(() => (button.disabled = false));
  });
}

export {};

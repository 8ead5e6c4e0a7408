// A signature waits for somebody's phone: the page asks whether it does still, and comes anew when it does not. What somebody types
// meanwhile is not thrown away: then the page waits for who reads it.

const EACH_MS = 2_000;
const PATIENCE_MS = 30 * 60_000;

for (const place of document.querySelectorAll<HTMLElement>("[data-waits]")) {
  const began = Date.now();
  let typed = false;
  document.addEventListener("input", () => (typed = true), { once: true });
  const again = (): void => {
    if (Date.now() - began < PATIENCE_MS) setTimeout(() => void ask(), EACH_MS);
  };
  const ask = async (): Promise<void> => {
    try {
      const answer = document.hidden ? null : await fetch(place.dataset.waits ?? "", { redirect: "manual" });
      const said = answer?.ok ? ((await answer.json()) as { waits?: unknown }) : {};
      if (said.waits === false && !typed) return location.reload();
    } catch {
      // No network just now: it is asked again.
    }
    again();
  };
  again();
}

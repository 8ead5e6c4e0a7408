// A browser that runs no script: every page works by links and forms.
import { journey } from "../lib/browser.mjs";
import { drillToPerson } from "../lib/steps.mjs";

export default (world) =>
  journey(world, "leader without script", { script: false }, (user) => [
    ...drillToPerson(user),
    ["signing out", () => user.signOut()],
  ]);

// What the browser does beyond links and forms. Every page works without it.
import { find } from "./find";
import { keys } from "./keys";
import { lock } from "./lock";
import { submits } from "./submits";
import { tables } from "./tables";
import { uploads } from "./uploads";

document.documentElement.classList.add("scripted");
find();
keys();
lock();
submits();
tables();
uploads();
// What is wrong comes first, also for those who do not see where they are.
document.querySelector<HTMLElement>(".errors")?.focus();
// Style and script from this device, and a page that says there is no network: see worker.ts.
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => undefined);

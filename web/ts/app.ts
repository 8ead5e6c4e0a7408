// What the browser does beyond links and forms. Every page works without it.
import { keys } from "./keys";
import { lock } from "./lock";
import { submits } from "./submits";
import { tables } from "./tables";
import { uploads } from "./uploads";

document.documentElement.classList.add("scripted");
keys();
lock();
submits();
tables();
uploads();
// What is wrong comes first, also for those who do not see where they are.
document.querySelector<HTMLElement>(".errors")?.focus();

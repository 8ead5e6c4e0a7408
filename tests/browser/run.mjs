// Journeys in a real browser, against the program as built. `node tests/browser/run.mjs [part of a journey's name]`
//
// One line per step; a journey stops at its first failed step and the rest of it counts as failed. No retries: a step that
// fails now and then is a bug. UPDATE_SCREENSHOTS=1 copies the chosen pictures to docs/screenshots.
import { mkdirSync, rmSync } from "node:fs";
import { launch } from "./lib/browser.mjs";
import { out } from "./lib/paths.mjs";
import { Report } from "./lib/report.mjs";
import { start } from "./lib/server.mjs";
import accounts from "./journeys/accounts.mjs";
import apps from "./journeys/apps.mjs";
import certificates from "./journeys/certificates.mjs";
import citizen from "./journeys/citizen.mjs";
import desktop from "./journeys/desktop.mjs";
import desk from "./journeys/desk.mjs";
import clinician from "./journeys/clinician.mjs";
import indicators, { afterSending } from "./journeys/indicators.mjs";
import leader from "./journeys/leader.mjs";
import noScript from "./journeys/no-script.mjs";
import organisation from "./journeys/organisation.mjs";
import onboarding from "./journeys/onboarding.mjs";
import operator from "./journeys/operator.mjs";
import passkeys from "./journeys/passkeys.mjs";
import guarded from "./journeys/protected.mjs";
import phone from "./journeys/phone.mjs";
import policy from "./journeys/policy.mjs";
import prescriptions from "./journeys/prescriptions.mjs";
import receipts from "./journeys/receipts.mjs";
import restart from "./journeys/restart.mjs";
import verify from "./journeys/verify.mjs";
import shell from "./journeys/shell.mjs";
import vaccines from "./journeys/vaccines.mjs";
import signIn from "./journeys/sign-in.mjs";
import signOn, { links } from "./journeys/sign-on.mjs";

const DESKTOP = { name: "desktop", width: 1440, height: 900 };
const PHONE = { name: "phone", width: 390, height: 844 };

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const report = new Report(process.argv[2]);

const server = await start();
const browser = await launch();
try {
  // Claims accepted since the province was made: what the figures must have moved by.
  const counts = { sent: 0 };
  const world = { server, browser, report, counts };
  // First of all: the operator's journeys send claims that the manifest does not know.
  await indicators({ ...world, screen: DESKTOP });
  for (const screen of [DESKTOP, PHONE]) {
    await signIn({ ...world, screen });
    await leader({ ...world, screen });
    await operator({ ...world, screen });
    await clinician({ ...world, screen });
    await shell({ ...world, screen });
    await citizen({ ...world, screen });
    await desk({ ...world, screen });
    await guarded({ ...world, screen });
    await certificates({ ...world, screen });
    await vaccines({ ...world, screen });
    await prescriptions({ ...world, screen });
    await phone({ ...world, screen });
    await receipts({ ...world, screen });
    await verify({ ...world, screen });
    await passkeys({ ...world, screen });
    await signOn({ ...world, screen });
  }
  await noScript({ ...world, screen: PHONE });
  await prescriptions({ ...world, screen: PHONE }, { script: false });
  await afterSending(world);
  await policy(world);
  // Afterwards: they turn on second factors, which the policy table does not expect.
  const left = { ...world, screen: DESKTOP, paper2: [] };
  await accounts(left);
  for (const screen of [DESKTOP, PHONE]) await organisation({ ...left, screen });
  for (const screen of [DESKTOP, PHONE]) await apps({ ...left, screen });
  for (const screen of [DESKTOP, PHONE]) await desktop({ ...left, screen });
  for (const screen of [DESKTOP, PHONE]) await links({ ...left, screen });
  await onboarding(left);
  await restart(world);
} catch (error) {
  // Not a step that failed but the harness itself: it must not look like a pass.
  report.broken(error);
} finally {
  await browser.close();
  await server.stop();
  server.clean();
}
process.exitCode = report.end();

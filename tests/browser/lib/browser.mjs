// A person at a screen: opens pages, and looks at each the way a careful reviewer would.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { chromium as executablePath, out, root } from "./paths.mjs";

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const STEP_MS = 15_000;
/** The pictures that the documents show. */
const SHOWN = new Set([
  "overview-desktop", "overview-phone", "indicator-desktop", "record-desktop", "record-phone", "claim-refused-desktop",
]);

/** The system's Chromium; nothing is downloaded. */
export function launch() {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** One person with one browser window. */
export class User {
  /** Opens a window of `screen` size on `server`; `script: false` is a browser that runs none, `insecure` one that trusts any machine. */
  static async arrive({ browser, server, screen }, { script = true, insecure = false } = {}) {
    const context = await browser.newContext({
      baseURL: server.url,
      viewport: { width: screen.width, height: screen.height },
      locale: "vi-VN",
      timezoneId: "Asia/Ho_Chi_Minh",
      javaScriptEnabled: script,
      reducedMotion: "reduce",
      acceptDownloads: true,
      ignoreHTTPSErrors: insecure,
    });
    context.setDefaultTimeout(STEP_MS);
    return new User(context, await context.newPage(), { server, screen, script });
  }

  constructor(context, page, { server, screen, script }) {
    Object.assign(this, { context, page, server, screen, script });
    this.complaints = [];
    page.on("pageerror", (error) => this.complaints.push(`script error: ${error.message}`));
    page.on("console", (message) => {
      // Chromium reports every 4xx of a page itself; the journeys look at those on purpose.
      const expected = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !expected) this.complaints.push(`console: ${message.text()}`);
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(server.url) && !url.startsWith("data:")) this.complaints.push(`asks elsewhere: ${url}`);
    });
    page.on("response", (answer) => {
      const page = answer.request().resourceType() === "document";
      if (answer.status() >= 500 || (answer.status() >= 400 && !page)) {
        this.complaints.push(`${answer.status()} ${answer.url()}`);
      }
    });
  }

  /** Fills in the sign-in form and sends it. */
  async signIn({ name, password }) {
    await this.page.goto("/sign-in");
    await this.page.locator('input[name="username"]').fill(name);
    await this.page.locator('input[name="password"]').fill(password);
    await this.page.locator('form[action="/sign-in"] button[type="submit"]').click();
  }

  /** From the page where the role's work is: a page that refuses has no menu. */
  async signOut() {
    await this.page.goto("/");
    await this.page.locator("details.user > summary").click();
    await this.page.locator('form[action="/sign-out"] button').click();
    await this.page.waitForURL(/\/sign-in/);
  }

  /** Links in the page's content whose address starts so: the pages' addresses are their contract. */
  links(start) {
    return this.page.locator(`main a[href^="${start}"]`);
  }

  /** Follows a link inside `locator` (or itself) and waits for the page behind it. */
  async follow(locator) {
    const link = (await locator.evaluate((e) => e.matches("a"))) ? locator : locator.locator("a").first();
    const from = this.page.url();
    await link.click();
    await this.page.waitForURL((url) => url.href !== from);
    await this.page.waitForLoadState("load");
  }

  path() {
    const url = new URL(this.page.url());
    return url.pathname + url.search;
  }

  /** Opens a path; fails where the answer has another status. */
  async open(path, status = 200) {
    const answer = await this.page.goto(path);
    assert.equal(answer.status(), status, path);
  }

  /**
   * Looks at the page: language, one heading, nothing wider than the screen, no complaint of the browser, nothing serious
   * in axe; takes a picture under `name`.
   */
  async look(name) {
    const { page } = this;
    await page.waitForLoadState("load");
    const seen = await page.evaluate(async () => {
      await document.fonts.ready;
      const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
      const past = [...document.body.querySelectorAll("*")].filter((of) => of.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
      const widest = wide > 0 ? past.map((of) => of.cloneNode(false).outerHTML.slice(0, 120)) : [];
      return { lang: document.documentElement.lang, title: document.title, h1: document.querySelectorAll("h1").length, wide, widest };
    });
    assert.match(seen.lang, /^(vi|en)$/, "the page names its language");
    assert.match(seen.title, /Mạch/, "the page has a title");
    assert.equal(seen.h1, 1, "the page has one h1");
    assert.ok(seen.wide <= 0, `the page is ${seen.wide} px wider than the screen: ${seen.widest.join(" ")}`);
    await this.picture(name);
    assert.deepEqual(this.complaints, [], "the browser complains of nothing");
    if (this.script) await this.checkWithAxe();
  }

  async picture(name) {
    const picture = `${name}-${this.screen.name}`;
    const file = join(out, `${picture}.png`);
    await this.page.screenshot({ path: file });
    if (process.env.UPDATE_SCREENSHOTS === "1" && SHOWN.has(picture)) {
      const folder = join(root, "docs/screenshots");
      mkdirSync(folder, { recursive: true });
      copyFileSync(file, join(folder, `${picture}.png`));
    }
  }

  async checkWithAxe() {
    await this.page.evaluate(AXE);
    const violations = await this.page.evaluate(async () => {
      const result = await window.axe.run(document, { resultTypes: ["violations"] });
      return result.violations.map(({ id, impact, help, nodes }) => ({
        id, impact, help, nodes: nodes.slice(0, 3).map((n) => `${n.target.join(" ")} | ${n.failureSummary.replace(/\s+/g, " ")}`),
      }));
    });
    const grave = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
    assert.deepEqual(grave, [], `axe on ${this.path()}`);
  }

  async leave() {
    await this.context.close();
  }
}

/** Runs a journey of one user: `steps(user)` gives them; the window is pictured where a step fails. */
export async function journey(world, name, options, steps) {
  const title = `${name}, ${world.screen.name}`;
  if (world.report.only && !title.includes(world.report.only)) return;
  const user = await User.arrive(world, options);
  try {
    await world.report.journey(title, steps(user), () => user.picture(`failed-${name.replaceAll(" ", "-")}`));
  } finally {
    await user.leave();
  }
}

// An administrator registers an app; a doctor opens it from a record and alone, says no and yes to it, and stops it again.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { User, journey } from "../lib/browser.mjs";

const SCOPE = "openid fhirUser launch launch/patient patient/Patient.r patient/Observation.rs";

/** An app of somebody else: it asks for a code, and shows what it was answered. */
class App {
  async start() {
    this.server = createServer((request, response) => this.answer(request, response)).listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.url = `http://localhost:${this.server.address().port}`;
  }

  answer(request, response) {
    const url = new URL(request.url, this.url);
    if (url.pathname === "/launch" || url.pathname === "/start") {
      response.writeHead(302, { location: this.ask(url.searchParams) }).end();
      return;
    }
    if (url.pathname === "/cb") this.told = Object.fromEntries(url.searchParams);
    const found = url.pathname === "/cb" ? 200 : 204;
    response.writeHead(found, { "content-type": "text/html" }).end("<!doctype html><html lang=vi><title>App</title><h1>App");
  }

  /** The address of a request for a code. */
  ask(by) {
    this.verifier = randomBytes(32).toString("base64url");
    this.state = randomBytes(8).toString("hex");
    const launch = by.get("launch");
    const asked = {
      response_type: "code",
      client_id: this.client,
      redirect_uri: `${this.url}/cb`,
      scope: launch ? SCOPE : SCOPE.replace("launch ", ""),
      state: this.state,
      aud: by.get("iss") ?? `${this.issuer}/fhir`,
      code_challenge: createHash("sha256").update(this.verifier).digest("base64url"),
      code_challenge_method: "S256",
      ...(launch ? { launch } : {}),
    };
    return `${this.issuer}/oauth/authorize?${new URLSearchParams(asked)}`;
  }

  /** The tokens for the code that came. */
  async tokens() {
    assert.equal(this.told.state, this.state);
    const body = new URLSearchParams({
      grant_type: "authorization_code", client_id: this.client, code: this.told.code, redirect_uri: `${this.url}/cb`, code_verifier: this.verifier,
    });
    const answer = await fetch(`${this.issuer}/oauth/token`, { method: "POST", body });
    assert.equal(answer.status, 200, await answer.clone().text());
    return answer.json();
  }

  /** The status of a read by a token, and what is read. */
  async read(token, path) {
    const answer = await fetch(`${this.issuer}/fhir/${path}`, { headers: { authorization: `Bearer ${token}` } });
    return [answer.status, await answer.json()];
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

export default (world) => {
  const { server, screen } = world;
  const app = new App();
  const name = `Biểu đồ tăng trưởng (${screen.name})`;
  return journey(world, "apps", {}, (user) => {
    const { page } = user;
    let doctor;
    let last;
    /** The app's own pages are asked on purpose. */
    const away = (someone) => someone.complaints.splice(0).forEach((c) => assert.ok(c.startsWith(`asks elsewhere: ${app.url}`), c));
    const decide = async (decision) => {
      await doctor.page.locator(`form:has(input[name="decision"][value="${decision}"]) button[type="submit"]`).click();
      await doctor.page.waitForURL((url) => url.href.startsWith(`${app.url}/cb`));
      away(doctor);
    };
    return [
      ["an administrator registers it; what is missing is told beside its field", async () => {
        await app.start();
        app.issuer = server.url;
        await user.signIn(server.account("administrator"));
        await page.waitForURL(/\/sign-in\/code/);
        await page.locator('input[name="code"]').fill(world.paper.shift());
        await page.locator('form[action="/sign-in/code"] button').click();
        await page.waitForURL(/\/admin\//);
        await user.open("/admin/apps");
        await user.look("apps");
        await user.follow(page.locator('main a[href="/admin/apps/new"]'));
        await user.look("app-new");
        const register = page.locator('form[action="/admin/apps/new"] button[type="submit"]');
        await page.locator('input[name="name"]').fill(name);
        assert.equal(await page.locator('select[name="proof"]').inputValue(), "", "how it proves itself is chosen");
        await page.locator('select[name="proof"]').selectOption({ index: 1 });
        await page.locator('[name="redirects"]').fill("http://app.example.vn/cb");
        await register.click();
        await page.locator('[name="redirects"][aria-invalid="true"]').waitFor();
        assert.equal(await page.locator('input[name="name"]').inputValue(), name, "nothing typed is lost");
        await user.look("app-wrong");
        await page.locator('[name="redirects"]').fill(`${app.url}/cb`);
        await page.locator('input[name="launch"]').fill(`${app.url}/launch`);
        await page.locator('[name="scopes"]').fill(SCOPE);
        await register.click();
        const told = await page.locator("main dd").first().innerText();
        app.client = told.trim();
        assert.match(app.client, /^app-/);
        await user.look("app-registered");
        await user.follow(page.locator('main a[href^="/admin/apps/"]').first());
        await user.look("app");
      }],
      ["a doctor opens it from a record, and it gets that record and no other", async () => {
        doctor = await User.arrive(world);
        await doctor.signIn(server.account("clinician"));
        await doctor.page.waitForURL((url) => url.pathname === "/people");
        await doctor.open("/people?q=nguyen");
        await doctor.follow(doctor.page.locator('main a[href^="/people/"]:not([href^="/people/emergency"])').first());
        await doctor.follow(doctor.page.locator('main a[href^="/apps/launch/"]'));
        await doctor.look("app-open");
        await doctor.page.locator("main .card", { hasText: name }).locator("button").click();
        await doctor.page.locator(`main a[href^="${app.url}/launch?"]`).waitFor();
        await doctor.look("app-opened");
        await doctor.page.locator(`main a[href^="${app.url}/launch?"]`).click();
        await doctor.page.waitForURL(/\/oauth\/authorize/);
        away(doctor);
        assert.match(await doctor.page.locator("main").innerText(), new RegExp(`localhost[\\s\\S]*Người bệnh`));
        await doctor.look("app-consent");
        await decide("allow");
        const tokens = await app.tokens();
        const [status, patient] = await app.read(tokens.access_token, `Patient/${tokens.patient}`);
        assert.deepEqual([status, patient.id], [200, tokens.patient]);
        const [, all] = await app.read(tokens.access_token, "Observation?_count=50");
        for (const { resource } of all.entry ?? []) assert.equal(resource.subject.reference, `Patient/${tokens.patient}`);
        assert.equal((await app.read(tokens.access_token, "Condition"))[0], 403, "what was not let");
      }],
      ["opened alone it must be told which patient; a no is told to the app", async () => {
        await doctor.page.goto(`${app.url}/start`);
        away(doctor);
        await doctor.look("app-choose");
        assert.equal(await doctor.page.locator('input[name="decision"][value="allow"]').count(), 0, "nobody is chosen yet");
        await decide("deny");
        assert.deepEqual([app.told.error, app.told.state, app.told.code], ["access_denied", app.state, undefined]);
      }],
      ["a patient is found and chosen, and yes is said", async () => {
        await doctor.page.goto(`${app.url}/start`);
        away(doctor);
        await doctor.page.locator('input[name="find"]').fill("nguyen");
        await doctor.page.keyboard.press("Enter");
        await doctor.page.locator('select[name="patient"]').waitFor();
        await doctor.look("app-chosen");
        const second = await doctor.page.locator('select[name="patient"] option').nth(1).getAttribute("value");
        await doctor.page.locator('select[name="patient"]').selectOption(second);
        await decide("allow");
        last = await app.tokens();
        assert.equal(last.patient, second);
        assert.equal((await app.read(last.access_token, `Patient/${second}`))[0], 200);
      }],
      ["whoever let it in sees it once, and stops all of it", async () => {
        await doctor.open("/account/apps");
        const card = doctor.page.locator("main .card", { hasText: name });
        assert.equal(await card.count(), 1, "both sign-ins together");
        await doctor.look("app-mine");
        await card.locator("details > summary").click();
        await card.locator('form[action^="/account/apps/"] button[type="submit"]').last().click();
        await doctor.page.waitForURL(/done=end/);
        assert.equal(await card.count(), 0);
        await doctor.look("app-stopped");
        assert.equal((await app.read(last.access_token, `Patient/${last.patient}`))[0], 401);
        await doctor.leave();
      }],
      ["the administrator sees who let it in and why that ended", async () => {
        await page.reload();
        assert.match(await page.locator("main").innerText(), /Người cho phép đã dừng/);
        await user.look("app-ended");
        await app.stop();
      }],
    ];
  });
};

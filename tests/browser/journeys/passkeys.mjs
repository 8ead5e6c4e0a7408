// Passkeys, with an authenticator that Chromium plays: made and listed, in without a name, in place of a code, over a locked screen;
// what is answered twice, elsewhere or by a copy is refused.
import assert from "node:assert/strict";
import { journey } from "../lib/browser.mjs";

const OPTIONS = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };

export default (world) => {
  // Browsers know no passkeys of an address in numbers.
  const numbers = world.server.url;
  const server = Object.create(world.server, { url: { value: numbers.replace("127.0.0.1", "localhost") } });
  return journey({ ...world, server }, "passkeys", {}, (user) => {
    const { page, context } = user;
    const operator = server.account("operator");
    let cdp, authenticatorId, sent = "", codes = [];
    const use = () => page.locator("[data-passkey] button:visible").click();
    const said = async () => {
      await page.locator("[data-passkey] .wrong:visible").waitFor();
      return page.locator("[data-passkey] .wrong").innerText();
    };
    const door = async () => {
      await page.goto("/sign-in?next=%2Fclaims");
      await page.locator('main a[href^="/sign-in/passkey"]').click();
      await page.waitForURL(/\/sign-in\/passkey/);
    };
    page.on("request", (request) => {
      if (new URL(request.url()).pathname === "/passkey") sent = request.postData();
    });
    // What is refused is refused on purpose.
    const refusedOnPurpose = () => user.complaints.splice(0).forEach((c) => assert.match(c, /403 .*\/passkey$/));
    return [
      ["a passkey is made under a name and brings codes for paper along", async () => {
        cdp = await context.newCDPSession(page);
        await cdp.send("WebAuthn.enable");
        ({ authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: OPTIONS }));
        await user.signIn(operator);
        await page.waitForURL(/\/claims/);
        await page.goto("/account");
        await user.follow(page.locator('main a[href="/account/passkeys"]'));
        await user.look("passkeys-none");
        await page.locator("#passkey-name").fill("Điện thoại của tôi");
        await use();
        await page.locator("[data-codes]:visible").waitFor();
        codes = await page.locator("[data-list] code").allInnerTexts();
        assert.equal(codes.length, 8);
        await user.look("passkey-codes");
        await page.locator("[data-codes] a").click();
        await page.waitForURL(/done=added/);
        assert.match(await page.locator("main table").innerText(), /Điện thoại của tôi[\s\S]*chưa dùng/);
        await user.look("passkeys");
        const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId });
        assert.equal(credentials.length, 1);
        assert.ok(credentials[0].isResidentCredential, "it knows whose it is");
      }],
      ["it signs in without a name", async () => {
        await user.signOut();
        await door();
        await user.look("passkey-door");
        await use();
        await page.waitForURL((url) => url.pathname === "/claims");
      }],
      ["an answer is good once, and for its own challenge", async () => {
        const form = Object.fromEntries(new URLSearchParams(sent));
        await context.clearCookies();
        const again = await context.request.post(`${server.url}/passkey`, { form, headers: { origin: server.url } });
        assert.equal(again.status(), 403, "without a challenge");
        const asked = await context.request.post(`${server.url}/passkey/options`, { form: { for: "sign-in" }, headers: { origin: server.url } });
        assert.deepEqual((await asked.json()).allowCredentials, [], "nobody is named");
        const late = await context.request.post(`${server.url}/passkey`, { form, headers: { origin: server.url } });
        assert.equal(late.status(), 403, "for another challenge");
        assert.match((await late.json()).error, /không được chấp nhận/);
        const third = await context.request.post(`${server.url}/passkey`, { form, headers: { origin: server.url } });
        assert.match((await third.json()).error, /hết hạn hoặc đã được dùng/, "the challenge went with it");
      }],
      ["an answer of one address is refused at another", async () => {
        await door();
        const asked = await context.request.post(`${numbers}/passkey/options`, { form: { for: "sign-in" }, headers: { origin: numbers } });
        const { challenge } = await asked.json();
        const form = await page.evaluate(async (challenge) => {
          const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
          const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
          const got = await navigator.credentials.get({ publicKey: { challenge: bytes(challenge), rpId: "localhost", userVerification: "required" } });
          const r = got.response;
          return { for: "sign-in", id: text(got.rawId), client: text(r.clientDataJSON), data: text(r.authenticatorData), signature: text(r.signature), user: text(r.userHandle) };
        }, challenge);
        const there = await context.request.post(`${numbers}/passkey`, { form, headers: { origin: numbers } });
        assert.equal(there.status(), 403);
      }],
      ["after a password it stands in for a code", async () => {
        await user.signIn(operator);
        await page.waitForURL(/\/sign-in\/code/);
        await user.look("passkey-code");
        await use();
        await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
      }],
      ["it opens a locked screen", async () => {
        const locked = await context.request.post(`${server.url}/lock`, { headers: { origin: server.url, accept: "application/json" } });
        assert.equal(locked.status(), 204);
        await page.goto("/claims");
        assert.match(user.path(), /^\/prove/);
        await user.look("passkey-prove");
        await use();
        await page.waitForURL((url) => url.pathname === "/claims");
      }],
      ["who is not verified by their device is not let in", async () => {
        await user.signOut();
        await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
        await door();
        await use();
        assert.match(await said(), /Không dùng được khoá/);
        await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: true });
      }],
      ["a copy, whose counter is behind, is noticed, told and opens nothing", async () => {
        const { credentials: [real] } = await cdp.send("WebAuthn.getCredentials", { authenticatorId });
        assert.ok(real.signCount > 2, `${real.signCount}`);
        await cdp.send("WebAuthn.removeCredential", { authenticatorId, credentialId: real.credentialId });
        await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: { ...real, signCount: 0 } });
        await door();
        await use();
        assert.match(await said(), /có thể đã bị sao chép/);
        // Nor does the key itself from now on.
        await cdp.send("WebAuthn.removeCredential", { authenticatorId, credentialId: real.credentialId });
        await cdp.send("WebAuthn.addCredential", { authenticatorId, credential: { ...real, signCount: real.signCount + 5 } });
        await door();
        await use();
        assert.match(await said(), /có thể đã bị sao chép/);
        refusedOnPurpose();
        await user.look("passkey-copied");
      }],
      ["password and a code from paper still open, and the key is taken away", async () => {
        await user.signIn(operator);
        await page.waitForURL(/\/sign-in\/code/);
        assert.equal(await page.locator("[data-passkey] button").count(), 0, "no key that opens");
        await page.locator('input[name="code"]').fill(codes[0]);
        await page.locator('form[action="/sign-in/code"] button').click();
        await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
        await page.goto("/account/passkeys");
        await page.locator("main .notice.bad").waitFor();
        assert.match(await page.locator("main table").innerText(), /Nghi bị sao chép/);
        await user.look("passkeys-copied");
        await page.locator("main details.confirm summary").first().click();
        await page.locator('form[action$="/remove"] button[type="submit"]').first().click();
        await page.waitForURL(/done=removed/);
        await user.signOut();
        await user.signIn(operator);
        await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
      }],
    ];
  });
};

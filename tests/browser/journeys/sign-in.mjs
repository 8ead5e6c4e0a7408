// Getting in and out.
import assert from "node:assert/strict";
import { journey } from "../lib/browser.mjs";

/** First page over a slow line, as sent: style, script, fonts and all. */
const FIRST_PAGE_BYTES = 100 * 1024;

export default (world) =>
  journey(world, "sign-in", {}, (user) => {
    const { page, server } = user;
    const operator = server.account("operator");
    return [
      ["a page asked for without a session leads to the sign-in form and back", async () => {
        await page.goto("/claims");
        assert.match(user.path(), /^\/sign-in\?next=/);
        await user.look("sign-in");
      }],
      ["the first page is light", async () => {
        const bytes = await page.evaluate(() =>
          ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind)).reduce((n, e) => n + e.encodedBodySize, 0));
        assert.ok(bytes > 1000 && bytes <= FIRST_PAGE_BYTES, `${bytes} bytes`);
      }],
      ["the cursor waits in the first field", async () => {
        assert.equal(await page.evaluate(() => document.activeElement.getAttribute("name")), "username");
      }],
      ["a wrong password is refused in plain words, and says nothing about the account", async () => {
        const said = [];
        for (const name of [operator.name, "khong-co-ai"]) {
          await user.signIn({ name, password: "sai" });
          said.push(await page.locator('main [role="alert"], main .error-summary').first().innerText());
          assert.match(user.path(), /^\/sign-in/);
        }
        assert.match(said[0], /không đúng/);
        assert.equal(said[0], said[1]);
        await user.look("sign-in-wrong");
      }],
      ["each role comes out where its work is", async () => {
        for (const [role, path] of [["leader", "/hoc"], ["operator", "/claims"], ["clinician", "/people"]]) {
          await user.signIn(server.account(role));
          await page.waitForURL((url) => url.pathname === path);
          await user.signOut();
        }
      }],
      ["after signing out the pages are closed, the back button included", async () => {
        assert.match(await page.locator("main").innerText(), /đăng xuất/);
        await page.goto("/hoc");
        assert.match(user.path(), /^\/sign-in/);
      }],
      ["the same page in English", async () => {
        await page.goto("/sign-in");
        await page.locator('.langs a[hreflang="en"]').click();
        await page.waitForLoadState("load");
        assert.equal(await page.locator("html").getAttribute("lang"), "en");
        assert.match(await page.locator("h1").innerText(), /Sign in/i);
      }],
    ];
  });

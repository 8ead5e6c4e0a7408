// A head of the health department: from the overview down to one person, and back out.
import assert from "node:assert/strict";
import { journey } from "../lib/browser.mjs";
import { drillToPerson } from "../lib/steps.mjs";

export default (world) =>
  journey(world, "leader", {}, (user) => {
    const { page } = user;
    return [
      ...drillToPerson(user),
      ["every part of the overview can be reached by keyboard, and the help says how", async () => {
        await user.open("/hoc");
        await page.keyboard.press("Tab");
        assert.equal(await page.evaluate(() => document.activeElement.getAttribute("href")), "#main", "the way past the menus is first");
        await page.keyboard.press("?");
        assert.ok(await page.locator("dialog.help").isVisible());
        await page.keyboard.press("Escape");
        assert.ok(!(await page.locator("dialog.help").isVisible()));
        await page.keyboard.press("/");
        // On a phone the field is on a page of its own.
        await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "q");
      }],
      ["what is on screen can be taken along as CSV and Excel", async () => {
        await user.open("/hoc/indicators/CD01");
        for (const [kind, start] of [["csv", null], ["xlsx", "PK"]]) {
          const href = await page.locator(`main a[href*="${kind}"]`).first().getAttribute("href");
          const answer = await page.request.get(new URL(href, page.url()).href);
          assert.equal(answer.status(), 200, kind);
          const body = await answer.body();
          assert.ok(body.length > 50, `${kind} holds something`);
          if (start) assert.equal(body.subarray(0, 2).toString(), start);
        }
      }],
      ["an indicator that does not exist gets a page that says so", async () => {
        await user.open("/hoc/indicators/ZZ99", 404);
        await user.look("not-found");
      }],
      ["signing out", () => user.signOut()],
    ];
  });

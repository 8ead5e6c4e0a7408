// Steps that more than one journey takes.
import assert from "node:assert/strict";
import { number } from "./text.mjs";

/** From the overview down to a person, checking at each step that the number is the number above. */
export function drillToPerson(user) {
  const { page } = user;
  const big = async () => number(await page.locator("p.big").first().innerText());
  let visits;
  return [
    ["the overview shows tiles, a map and who has sent data", async () => {
      await user.signIn(user.server.account("leader"));
      await page.waitForURL((url) => url.pathname === "/hoc");
      assert.ok((await page.locator("article.tile").count()) >= 12, "at least a dozen tiles");
      assert.ok((await page.locator('main a[href^="/hoc/freshness"]').count()) > 0, "who has sent data");
      const communes = await page.locator("main svg path").count();
      assert.ok(communes >= 40, `a map of the communes: ${communes} shapes`);
      await user.look("overview");
    }],
    ["a tile leads to its indicator, with the same number", async () => {
      const tile = page.locator('[data-test="tile-CD01"]');
      visits = number(await tile.locator(".v").innerText());
      assert.ok(visits > 0, `the tile counts ${visits} visits`);
      await user.follow(tile.locator('a[href^="/hoc/indicators/CD01"]'));
      assert.equal(await big(), visits);
      await user.look("indicator");
    }],
    ["the facilities add up to the province", async () => {
      const rows = page.locator('table.data tbody tr:has(th a[href^="/hoc/indicators/CD01"][href*="facility="])');
      const each = (await rows.locator('a[href^="/hoc/claims"]').allInnerTexts()).map(number);
      assert.ok(each.length >= 5, `${each.length} facilities`);
      assert.equal(each.reduce((sum, n) => sum + n, 0), visits);
      visits = each[0];
    }],
    ["a facility leads to its own figures", async () => {
      await user.follow(page.locator('table.data tbody th a[href^="/hoc/indicators/CD01"][href*="facility="]').first());
      assert.equal(await big(), visits);
      await user.look("indicator-facility");
    }],
    ["its number leads to exactly the claims it counts", async () => {
      await user.follow(page.locator("p.big a").first());
      await user.look("drill-claims");
      let seen = 0;
      for (;;) {
        seen += await page.locator('table.data tbody tr:has(a[href^="/claims/"])').count();
        const next = page.locator('main a[rel="next"]');
        if ((await next.count()) === 0) break;
        await user.follow(next);
      }
      assert.equal(seen, visits);
    }],
    ["a claim shows what was sent", async () => {
      await user.follow(user.links("/claims/").first());
      await user.look("claim");
    }],
    ["and leads to the person's record", async () => {
      await user.follow(user.links("/people/").first());
      await checkRecord(user);
      await user.look("record");
    }],
  ];
}

/** The record page: banner, and its parts. */
export async function checkRecord(user) {
  const banner = user.page.locator("section.patient");
  await banner.waitFor();
  const name = await banner.locator(".name").innerText();
  assert.equal(name, name.toUpperCase(), "the name stands in capitals");
  assert.match(await banner.innerText(), /Dị ứng/i, "the banner says what is known of allergies");
  assert.ok((await user.page.locator("main h2").count()) >= 3, "the record has parts");
  return name;
}

// A doctor looks a person up.
import assert from "node:assert/strict";
import { journey } from "../lib/browser.mjs";
import { checkRecord } from "../lib/steps.mjs";
import { fold } from "../lib/text.mjs";

export default (world) =>
  journey(world, "clinician", {}, (user) => {
    const { page } = user;
    const people = () => page.locator('main table.data tbody tr:has(a[href^="/people/"])');
    return [
      ["people are found by part of a name, without accents", async () => {
        await user.signIn(user.server.account("clinician"));
        await page.waitForURL((url) => url.pathname === "/people");
        await user.look("people-empty");
        await page.locator('main input[name="q"]').fill("nguyen");
        await page.keyboard.press("Enter");
        await page.waitForURL(/q=nguyen/);
        const names = await people().allInnerTexts();
        assert.ok(names.length > 1, `${names.length} found`);
        for (const name of names) assert.match(fold(name), /nguyen/);
        assert.ok(names.some((n) => /nguyễn/i.test(n)), "the accents are shown");
        await user.look("people");
      }],
      ["a name nobody has says what to do next", async () => {
        await user.open("/people?q=zzzzqq");
        assert.equal(await people().count(), 0);
        await user.look("people-none");
      }],
      ["markup in the search text stays text", async () => {
        await user.open(`/people?q=${encodeURIComponent('"><img src=x onerror=alert(1)>')}`);
        assert.equal(await page.locator('img[src="x"]').count(), 0);
        await user.look("people-markup");
      }],
      ["a record opens with the banner of the person that was chosen", async () => {
        await user.open("/people?q=nguyen");
        const found = page.locator('main a[href^="/people/"]:not([href^="/people/emergency"])').first();
        const chosen = (await found.innerText()).trim();
        await user.follow(found);
        const name = await checkRecord(user);
        assert.ok(chosen.toUpperCase().includes(name.trim()), `${chosen} was chosen, ${name} is shown`);
        await user.look("record-clinician");
      }],
      ["the claims of a facility are not a clinician's", async () => {
        await user.open("/claims", 403);
        await user.look("denied");
      }],
      ["signing out", () => user.signOut()],
    ];
  });

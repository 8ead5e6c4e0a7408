// What everybody works in: the search of the house by keyboard and by finger.
import assert from "node:assert/strict";
import { journey } from "../lib/browser.mjs";
import { fold } from "../lib/text.mjs";

export default async (world) => {
  const phone = world.screen.name === "phone";
  await journey(world, "search", {}, (user) => {
    const { page } = user;
    const panel = page.locator(".search .panel");
    return [
      ["`/` opens the search anywhere; people, and pages by name, stand under it", async () => {
        await user.signIn(user.server.account("clinician"));
        await page.waitForURL((url) => url.pathname === "/people");
        if (phone) {
          await page.locator("header a.find").click();
          await page.waitForURL(/\/search/);
          assert.equal(await page.evaluate(() => document.activeElement.getAttribute("name")), "q");
          await user.look("search-start");
          await page.locator('main input[name="q"]').pressSequentially("nguyen", { delay: 20 });
          await page.locator('main .links a[href^="/people/"]').first().waitFor();
          assert.equal(await page.evaluate(() => document.activeElement.value), "nguyen", "one goes on typing");
        } else {
          await page.keyboard.press("/");
          await panel.waitFor();
          await page.keyboard.type("nguyen", { delay: 20 });
          await panel.locator('a[href^="/people/"]').first().waitFor();
        }
        const names = await page.locator('.links a[href^="/people/"] b:visible').allInnerTexts();
        assert.ok(names.length > 1, `${names.length} found`);
        for (const name of names) assert.match(fold(name), /nguyen/);
        await user.look("search-people");
      }],
      ["arrows walk what is found, Enter opens it", async () => {
        if (phone) return user.follow(page.locator('main .links a[href^="/people/"]').first());
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("ArrowDown");
        const href = await page.evaluate(() => document.activeElement.getAttribute("href"));
        assert.match(href, /^\/people\/\d+$/);
        await page.keyboard.press("ArrowUp");
        await page.keyboard.press("ArrowUp");
        assert.equal(await page.evaluate(() => document.activeElement.getAttribute("name")), "q", "back up to the box");
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("Enter");
        await page.waitForURL(/\/people\/\d+/);
        await page.locator("section.patient").waitFor();
      }],
      ["what was opened stands there before anything is typed; Esc closes", async () => {
        if (phone) {
          await user.open("/search");
          assert.ok((await page.locator('main .links a[href^="/people/"]').count()) > 0, "the record that was opened");
          await user.look("search-recent");
          return;
        }
        await page.keyboard.press("/");
        await panel.locator('a[href^="/people/"]').first().waitFor();
        await user.look("search-recent");
        await page.keyboard.press("Escape");
        assert.ok(!(await panel.isVisible()));
      }],
      ["and quickly", async () => {
        const times = await page.evaluate(async () => {
          const all = [];
          for (const q of ["tran thi", "le van", "nguyen duc", "hoang 1985", "46"]) {
            const began = performance.now();
            await (await fetch(`/search?${new URLSearchParams({ q })}`, { headers: { "x-part": "found" } })).text();
            all.push(performance.now() - began);
          }
          return all.sort((a, b) => a - b);
        });
        console.log(`     searches with everything around them: ${times.map((t) => t.toFixed(0)).join(", ")} ms`);
        assert.ok(times[2] < 500, "half of them within what feels at once");
      }],
      ["an act is found by its name without accents", async () => {
        await user.open("/search?q=ke%20don");
        await user.follow(page.locator('main a[href="/prescriptions/new"]'));
        assert.equal(new URL(page.url()).pathname, "/prescriptions/new");
        await user.open("/search?q=zzzzqq");
        await user.look("search-none");
      }],
      ["signing out", () => user.signOut()],
    ];
  });
  await journey(world, "work and notices", {}, (user) => {
    const { page } = user;
    return [
      ["what waits stands in one list, and its number in the menu", async () => {
        await user.signIn(user.server.account("operator"));
        await page.waitForURL((url) => url.pathname === "/claims");
        await page.goto("/work");
        const waits = page.locator('main .links a[href="/claims?state=refused"]');
        assert.ok((await waits.count()) === 1, "refused claims wait for who sends them");
        await user.look("work");
        await user.follow(waits);
        await user.open("/notices");
        await user.look("notices");
        await user.signOut();
      }],
    ];
  });
  await journey(world, "look", {}, (user) => {
    const { page } = user;
    return [
      ["colours and size are chosen once and stay, on every page", async () => {
        await user.signIn(user.server.account("clinician"));
        await page.waitForURL((url) => url.pathname === "/people");
        for (const [theme, size] of [["dark", "normal"], ["contrast", "large"], ["light", "largest"]]) {
          await page.goto("/look?next=/people");
          await page.locator('select[name="theme"]').selectOption(theme);
          await page.locator('select[name="size"]').selectOption(size);
          await page.locator('main form[action="/look"] button').click();
          await page.waitForURL((url) => url.pathname === "/people");
          assert.equal(await page.locator("html").getAttribute("data-theme"), theme);
          await user.look(`people-${theme}`);
          for (const path of ["/work", "/certificates", "/search?q=nguyen"]) {
            await user.open(path);
            await user.look(`${path.split(/[/?]/)[1]}-${theme}`);
          }
          const record = page.locator('main .links a[href^="/people/"]').first();
          await user.follow(record);
          await user.look(`record-${theme}`);
        }
      }],
      ["paper is white whatever the screen is", async () => {
        await page.goto("/look?next=/people");
        await page.locator('select[name="theme"]').selectOption("dark");
        await page.locator('main form[action="/look"] button').click();
        await page.waitForURL((url) => url.pathname === "/people");
        await page.emulateMedia({ media: "print" });
        const ground = await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--surface").trim());
        assert.equal(ground, "#fff");
        await user.picture("people-printed");
        await page.emulateMedia({ media: "screen" });
        await page.goto("/look?next=/people");
        await page.locator('select[name="theme"]').selectOption("system");
        await page.locator('select[name="size"]').selectOption("normal");
        await page.locator('main form[action="/look"] button').click();
        await page.waitForURL((url) => url.pathname === "/people");
        assert.equal(await page.locator("html").getAttribute("data-theme"), null);
      }],
      ["the gallery is clean in every colour", async () => {
        for (const theme of ["light", "dark", "contrast"]) {
          await page.context().addCookies([{ name: "look", value: `${theme}.normal`, url: user.server.url }]);
          await user.open("/ui");
          await user.look(`gallery-${theme}`);
        }
        await page.context().addCookies([{ name: "look", value: "system.normal", url: user.server.url }]);
        await user.signOut();
      }],
    ];
  });
  if (!phone) return;
  await journey(world, "search without script", { script: false }, (user) => [
    ["the button and the box do the same", async () => {
      await user.signIn(user.server.account("leader"));
      await user.page.waitForURL((url) => url.pathname === "/hoc");
      await user.page.locator("header a.find").click();
      await user.page.locator('main input[name="q"]').fill("nguyen");
      await user.page.keyboard.press("Enter");
      await user.page.locator('main .links a[href^="/people/"]').first().waitFor();
      await user.look("search-plain");
      await user.signOut();
    }],
  ]);
};

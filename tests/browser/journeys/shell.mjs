// What everybody works in: the search of the house by keyboard and by finger.
import assert from "node:assert/strict";
import { journey } from "../lib/browser.mjs";
import { fold } from "../lib/text.mjs";

/** How far the text of elements stands out from what is behind it, as WCAG counts it: the least of all that `selector` finds. */
const leastContrast = (page, selector) => page.evaluate((selector) => {
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).slice(0, 3).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((parts(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const all = [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility());
  if (all.length === 0) throw new Error(`nothing is ${selector}`);
  return Math.min(...all.map((e) => {
    const [low, high] = [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }));
}, selector);

/** Holds the answers of the addresses that `which` matches until it is called: a slow line. */
async function hold(page, which) {
  let release;
  const released = new Promise((resolve) => (release = resolve));
  const held = async (route) => {
    await released;
    // One that was given up meanwhile has nobody to answer.
    await route.continue().catch(() => undefined);
  };
  await page.route(which, held);
  return async () => {
    release();
    await page.unroute(which, held);
  };
}

/** Marks a field, and counts what happens to the page around it. */
const watch = (page, selector) => page.evaluate((selector) => {
  const field = document.querySelector(selector);
  Object.assign(window, { field, swaps: 0, ended: 0 });
  document.addEventListener("swapped", () => (window.swaps += 1));
  document.addEventListener("compositionend", () => (window.ended += 1));
  field.focus();
}, selector);

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
        if (!phone) {
          assert.equal(await page.locator(".search input").getAttribute("aria-expanded"), "true");
          const count = await panel.locator("a[href]").count();
          assert.match(await page.locator(".search [role=status]").innerText(), new RegExp(`^${count} `), "told to who does not see it");
        }
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
        assert.equal(await page.locator(".search input").getAttribute("aria-expanded"), "false");
        assert.equal(await page.locator(".search [role=status]").innerText(), "");
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
  await journey(world, "filters while one types", {}, (user) => {
    const { page } = user;
    const state = () => page.evaluate(() => ({
      value: window.field.value, at: window.field.selectionStart, same: document.activeElement === window.field, swaps: window.swaps, ended: window.ended,
    }));
    return [
      ["keys that come while an answer is under way are kept, and asked for", async () => {
        await user.signIn(user.server.account("leader"));
        await page.waitForURL((url) => url.pathname === "/hoc");
        await user.open("/search");
        await watch(page, "main input[name=q]");
        const release = await hold(page, "**/search?*");
        const asked = page.waitForRequest((r) => r.url().includes("q=ngu"));
        await page.keyboard.type("ngu");
        await asked;
        const answered = page.waitForResponse((r) => r.url().endsWith("q=ngu"));
        await page.keyboard.type("ye");
        await release();
        await answered.catch(() => undefined);
        await page.keyboard.type("n");
        await page.waitForURL((url) => url.search === "?q=nguyen");
        await page.locator('main .links a[href^="/people/"]').first().waitFor();
        const now = await state();
        assert.deepEqual([now.value, now.at, now.same], ["nguyen", 6, true]);
      }],
      ["a syllable that is being composed goes on", async () => {
        await user.open("/search");
        await watch(page, "main input[name=q]");
        const ime = await page.context().newCDPSession(page);
        const compose = (text) => ime.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
        const release = await hold(page, "**/search?*");
        const asked = page.waitForRequest((r) => r.url().endsWith("q=l"));
        await page.keyboard.type("l");
        await asked;
        await compose("e");
        await release();
        await page.waitForFunction(() => window.swaps === 1);
        await compose("ê");
        const now = await state();
        assert.deepEqual([now.value, now.same, now.ended], ["lê", true, 0]);
        await ime.send("Input.insertText", { text: "ê" });
        await page.waitForURL((url) => url.searchParams.get("q") === "lê");
        await page.waitForFunction(() => window.swaps === 2);
        assert.deepEqual((({ value, same }) => [value, same])(await state()), ["lê", true]);
      }],
      ["a choice by arrow keys keeps the field, and Back takes it back", async () => {
        await user.open("/hoc");
        const first = page.url();
        await watch(page, "main select[name=at]");
        const chosen = await page.locator("main select[name=at]").inputValue();
        for (const n of [1, 2]) {
          await page.keyboard.press("ArrowDown");
          await page.waitForFunction((n) => window.swaps === n, n);
          assert.equal((await state()).same, true, `after ${n}`);
        }
        const last = await page.locator("main select[name=at]").inputValue();
        assert.ok(last !== chosen && page.url().includes(`at=${last}`), page.url());
        // Each way back shows the page of then anew.
        for (const _ of [1, 2]) {
          await page.evaluate(() => {
            Object.assign(window, { left: true });
            history.back();
          });
          await page.waitForFunction(() => window.left === undefined && document.readyState === "complete");
        }
        assert.equal(page.url(), first);
        assert.equal(await page.locator("main select[name=at]").inputValue(), chosen);
        // A place within a page is no other page.
        await page.evaluate(() => Object.assign(window, { field: 1 }));
        await page.evaluate(() => (location.hash = "main"));
        await page.goBack();
        assert.equal(await page.evaluate(() => window.field), 1);
        await user.signOut();
      }],
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
    // What axe cannot tell: text of the colour of its own ground.
    const readable = async () => {
      for (const selector of [...(phone ? [] : [".langs a[aria-current]"]), ".langs a:not([aria-current])", ".chip"]) {
        const least = await leastContrast(page, selector);
        assert.ok(least >= 4.5, `${selector} ${least.toFixed(2)}`);
      }
      const button = page.locator("main .btn:not(.primary):not(.strong):not(.danger)").first();
      await button.hover();
      const least = await leastContrast(page, "main .btn:hover");
      assert.ok(least >= 4.5, `a button under the pointer ${least.toFixed(2)}`);
      await page.locator("main .btn.primary").first().hover();
      const primary = await leastContrast(page, "main .btn.primary:hover");
      assert.ok(primary >= 4.5, `a first button under the pointer ${primary.toFixed(2)}`);
    };
    // The smallest telephone, the largest text, and keys alone.
    const narrow = async () => {
      await page.setViewportSize({ width: 320, height: 640 });
      for (const path of ["/work", "/people", "/prescriptions", "/account"]) {
        await user.open(path);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${path} is ${wide} px wider than a narrow screen`);
      }
      const bar = await page.evaluate(() => document.querySelector(".bottom").getBoundingClientRect().top);
      for (let n = 0; n < 60; n += 1) {
        await page.keyboard.press("Tab");
        const bottom = await page.evaluate(() => {
          const at = document.activeElement;
          return at.matches("main :is(a, button, input, select)") ? at.getBoundingClientRect().bottom : 0;
        });
        assert.ok(bottom <= bar + 1, `what has the focus stands ${bottom - bar} px behind the bar`);
      }
      await page.setViewportSize({ width: world.screen.width, height: world.screen.height });
    };
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
          if (phone && size === "largest") {
            await page.locator(".bottom .drawer summary").click();
            const top = await page.evaluate(() => document.querySelector(".sheet").getBoundingClientRect().top);
            assert.ok(top >= 0, `the menu begins ${-top} px above the screen`);
            const strays = await page.evaluate(() => [...document.querySelectorAll(".sheet .n")].filter((n) => {
              const [own, row] = [n.getBoundingClientRect(), n.closest("a").getBoundingClientRect()];
              return own.top < row.top || own.bottom > row.bottom || own.right > row.right;
            }).length);
            assert.equal(strays, 0, "each number stands in its own line");
            await user.picture("menu-largest");
            await page.locator(".bottom .drawer summary").click();
          }
          if (phone && size === "largest") await narrow();
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
          await readable();
        }
        await page.context().addCookies([{ name: "look", value: "system.normal", url: user.server.url }]);
        // A device that asks for dark and for more contrast gets both.
        const line = () => page.evaluate(() => {
          const of = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
          return [of("--line"), of("--ink"), of("--surface")];
        });
        await page.emulateMedia({ colorScheme: "dark", contrast: "more" });
        await user.open("/ui");
        const [edge, ink, ground] = await line();
        assert.equal(edge, ink, "lines are as strong as text");
        assert.notEqual(ground.trim(), "#fff", "and dark");
        await readable();
        await page.emulateMedia({ colorScheme: null, contrast: null });
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

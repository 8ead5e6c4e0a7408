// A record is opened in an emergency and looked at afterwards by who answers for the facility; its person signs in by a code, sees
// who looked, lets a relative in, keeps others out.
import assert from "node:assert/strict";
import { User, journey } from "../lib/browser.mjs";

export default (world) => {
  const { server, screen } = world;
  // Each screen a person of its own.
  const nth = screen.name === "phone" ? 1 : 0;
  const reason = `Hôn mê, cần biết thuốc đang dùng (${screen.name})`;
  const person = { home: "", name: "", number: "" };
  return journey(world, "citizen", {}, (user) => {
    const { page } = user;
    const others = [];
    const other = async (role) => {
      const arrived = await User.arrive(world);
      others.push(arrived);
      if (role) await arrived.signIn(server.account(role));
      return arrived;
    };
    const citizen = () => others.at(-1);
    return [
      ["a clinician opens a record in an emergency only with a reason that says something", async () => {
        await user.signIn(server.account("clinician"));
        await page.waitForURL((url) => url.pathname === "/people");
        await user.open("/people?q=nguyen");
        const links = await page.locator('main table.data a[href^="/people/"]').evaluateAll((all) => all.map((a) => a.getAttribute("href")));
        const homes = [...new Set(links)];
        // Somebody whom one telephone is known of: that is where codes are sent.
        let fit = 0;
        for (const home of homes) {
          await user.open(home);
          const numbers = await page.locator("#numbers dd").allInnerTexts();
          const national = numbers.find((n) => /^\d{12}$/.test(n.trim()));
          if (!national || numbers.filter((n) => /^0\d{9}$/.test(n.trim())).length !== 1 || fit++ !== nth) continue;
          Object.assign(person, { home, number: national.trim(), name: (await page.locator("section.patient .name").innerText()).trim() });
          break;
        }
        assert.ok(person.number, `nobody of ${homes.length} has a CCCD and one telephone`);
        await user.follow(page.locator('main a[href^="/people/emergency?person="]'));
        await user.look("emergency");
        await page.locator('textarea[name="reason"]').fill("gấp");
        await page.locator('main form[action^="/people/emergency"] button[type="submit"]').click();
        await page.locator('textarea[name="reason"][aria-invalid="true"]').waitFor();
        await user.look("emergency-short");
      }],
      ["opened, the record says so in red, and until when", async () => {
        await page.locator('textarea[name="reason"]').fill(reason);
        await page.locator('main form[action^="/people/emergency"] button[type="submit"]').click();
        await page.waitForURL((url) => url.pathname === person.home);
        assert.match(await page.locator("main").innerText(), /MỞ KHẨN CẤP: .* đến \d\d\/\d\d\/\d{4} \d\d:\d\d/);
        await user.look("record-emergency");
      }],
      ["the head looks at it and says what came of it", async () => {
        const head = await other("head");
        await head.page.waitForURL((url) => url.pathname !== "/sign-in");
        await head.open("/access/reviews");
        const form = head.page.locator('form[action^="/access/reviews/"]').last();
        assert.ok((await head.page.locator("main").innerText()).includes(reason), "the reason stands there");
        await head.look("access-reviews");
        // Nothing is chosen beforehand: whether it was in order is said by a person.
        assert.equal(await form.locator('select[name="verdict"]').inputValue(), "");
        await form.locator('select[name="verdict"]').selectOption("order");
        await form.locator('input[name="remark"]').fill("Đúng là cấp cứu");
        await form.locator('button[type="submit"]').click();
        await head.page.waitForURL(/\/access\/reviews\?done=/);
        assert.match(await head.page.locator("main").innerText(), /Đúng là cấp cứu/);
        await head.look("access-reviews-done");
      }],
      ["the person signs in by a code on their telephone", async () => {
        const me = await other();
        await me.open("/me/sign-in");
        await me.look("citizen-sign-in");
        const before = server.messages().length;
        await me.page.locator('input[name="number"]').fill(person.number);
        await me.page.locator('form[action="/me/sign-in"] button[type="submit"]').click();
        await me.page.locator('input[name="code"]').waitFor();
        await me.look("citizen-code");
        const code = /\b\d{6}\b/.exec((await server.message(before)).split("\t")[1])[0];
        await me.page.locator('input[name="code"]').fill(code);
        await me.page.locator('form[action="/me/sign-in/code"] button[type="submit"]').click();
        await me.page.waitForURL((url) => url.pathname === "/me");
        assert.ok((await me.page.locator("main").innerText()).toUpperCase().includes(person.name), person.name);
        await me.look("citizen");
      }],
      ["they see who looked, and the emergency with its reason", async () => {
        await citizen().follow(citizen().page.locator('main a[href^="/me/looks/"]').first());
        const told = await citizen().page.locator("main").innerText();
        assert.ok(told.includes(reason) && told.includes("Mở khẩn cấp"), told.slice(0, 400));
        assert.ok((await citizen().page.locator("main table tbody tr").count()) > 1);
        await citizen().look("citizen-looks");
        await citizen().page.goBack();
      }],
      ["they read their own record", async () => {
        await citizen().follow(citizen().page.locator('main a[href^="/people/"]').first());
        assert.equal(await citizen().page.locator('main a[href^="/people/emergency"]').count(), 0);
        await citizen().look("citizen-record");
        await citizen().open("/me");
      }],
      ["they let a relative in until a day, and stop it", async () => {
        const me = citizen().page;
        await me.locator('form[action="/me/share"] input[name="number"]').fill("046172999888");
        await me.locator('form[action="/me/share"] input[name="until"]').fill(`${new Date().getFullYear() + 1}-06-01`);
        await me.locator('form[action="/me/share"] button[type="submit"]').click();
        await me.waitForURL(/\/me\?done=shared/);
        assert.match(await me.locator("main").innerText(), /•••888 · .*01\/06\/\d{4}|•••888 · .*02\/06\/\d{4}/);
        await citizen().look("citizen-shared");
        await me.locator('details.confirm:has(form[action^="/me/share/"]) summary').first().click();
        await me.locator('form[action^="/me/share/"] button[type="submit"]').first().click();
        await me.waitForURL((url) => url.pathname === "/me" && url.search === "");
        assert.ok(!(await me.locator("main").innerText()).includes("•••888"));
      }],
      ["they keep other facilities out, and let them in again", async () => {
        const me = citizen().page;
        await me.locator('form[action="/me/refusal"] button').click();
        await me.locator('form[action="/me/refusal"] input[name="refuse"][value="0"]').waitFor({ state: "attached" });
        await citizen().look("citizen-refuses");
        await me.locator('form[action="/me/refusal"] button').click();
        await me.locator('form[action="/me/refusal"] input[name="refuse"][value="1"]').waitFor({ state: "attached" });
        for (const one of others) await one.context.close();
      }],
    ];
  });
};

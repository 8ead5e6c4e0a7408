// Somebody of public interest: the head marks them, the record closes, somebody is named and opens it, the mark is ended. And who
// speaks for a child: what is typed wrong is told at its field.
import assert from "node:assert/strict";
import { User, journey } from "../lib/browser.mjs";

export default (world) => {
  const { server, screen } = world;
  const person = { home: "", name: "", number: "" };
  const why = `Theo đề nghị của người bệnh (${screen.name})`;
  let at = "";
  return journey(world, "protected", {}, (user) => {
    const { page } = user;
    let head;
    const choose = (of, name, value) => of.locator(`[name="${name}"]`).first().evaluate((e, chosen) => {
      if (e.tagName === "SELECT") e.value = chosen;
      else document.querySelector(`[name="${e.name}"][value="${chosen}"]`).click();
    }, value);
    const confirmed = async (of, action) => {
      await of.locator(`details.confirm:has(form[action="${action}"]) summary`).click();
      await of.locator(`form[action="${action}"] button[type="submit"]`).click();
    };
    return [
      ["a clinician reads a record", async () => {
        await user.signIn(server.account("clinician"));
        await page.waitForURL((url) => url.pathname === "/people");
        await user.open("/people?q=nguyen");
        const links = page.locator('main table.data a[href^="/people/"]');
        const homes = await links.evaluateAll((all) => [...new Set(all.map((a) => a.getAttribute("href")))]);
        // A record that another journey opened in an emergency stays open for a while.
        const isOpened = async () => /MỞ KHẨN CẤP/.test(await page.locator("main").innerText());
        for (person.home of homes.slice(1)) {
          await user.open(person.home);
          if (!(await isOpened())) break;
        }
        assert.ok(!(await isOpened()), "all of them were opened in an emergency");
        person.name = (await page.locator("section.patient .name").innerText()).trim();
        const numbers = await page.locator("#numbers dd").allInnerTexts();
        person.number = numbers.map((n) => n.trim()).find((n) => /^\d{10}$|^\d{12}$/.test(n) && !n.startsWith("09"));
      }],
      ["the head marks the person; a number of nobody is told at its field", async () => {
        head = await User.arrive(world);
        await head.signIn(server.account("head"));
        await head.page.waitForURL((url) => url.pathname !== "/sign-in");
        await head.open("/access/protected");
        await head.look("protected");
        const write = async (number) => {
          await head.page.locator('[name="number"]').fill(number);
          await head.page.locator('[name="reason"]').fill(why);
          await head.page.locator('form[action="/access/protected"] button[type="submit"]').click();
        };
        await write("046000000000");
        await head.page.locator('[name="number"][aria-invalid="true"]').waitFor();
        await head.look("protected-wrong");
        await write(person.number);
        await head.page.waitForURL(/\/access\/protected\?done=marked/);
        const link = head.page.locator('main a[href^="/access/protected/"]', { hasText: person.name }).first();
        at = await link.getAttribute("href");
        await head.follow(link);
        assert.ok((await head.page.locator("main").innerText()).includes(why));
      }],
      ["the record closes, and opens to who was named", async () => {
        await user.open(person.home, 404);
        const day = new Date(Date.now() + 9 * 86_400_000).toISOString().slice(0, 10);
        // Nobody is named because they stand first: the browser does not send it, and the server refuses it.
        assert.equal(await head.page.locator('select[name="account"]').inputValue(), "");
        await head.page.locator('[name="reason"]').fill("Điều trị ngoại trú tại khoa");
        await head.page.locator('[name="until"]').fill(day);
        const name = head.page.locator(`form[action="${at}/names"]`);
        await name.evaluate((form) => form.setAttribute("novalidate", ""));
        await name.locator('button[type="submit"]').click();
        await head.page.locator('[name="account"][aria-invalid="true"]').waitFor();
        assert.equal(await head.page.locator('[name="reason"]').inputValue(), "Điều trị ngoại trú tại khoa", "what was typed is kept");
        await head.look("protected-unnamed");
        await choose(head.page, "account", server.account("clinician").name);
        await head.page.locator('[name="until"]').fill(day);
        await head.page.locator('[name="reason"]').fill("Điều trị ngoại trú tại khoa");
        await head.page.locator(`form[action="${at}/names"] button[type="submit"]`).click();
        await head.page.locator(`form[action^="${at}/names/"]`).first().waitFor({ state: "attached" });
        await head.look("protected-named");
        await user.open(person.home);
        await user.look("protected-record");
      }],
      ["the mark is ended, and the record opens as before", async () => {
        await confirmed(head.page, `${at}/end`);
        await head.page.locator(`form[action="${at}/end"]`).waitFor({ state: "detached" });
        await head.look("protected-ended");
        await user.open(person.home);
        await head.context.close();
      }],
      ["who speaks for a child: what is wrong is told at its field", async () => {
        const desk = await User.arrive(world);
        await desk.signIn(server.account("operator"));
        await desk.page.waitForURL((url) => url.pathname !== "/sign-in");
        await desk.open("/access/proxies");
        await desk.look("proxies");
        for (const [name, text] of [
          ["child", "046000000000"], ["child_name", "Nguyễn Văn Bé"], ["reader", person.number],
          ["reader_name", person.name], ["paper", "12/2024 ngày 02/03/2024"],
        ]) await desk.page.locator(`form[action="/access/proxies"] [name="${name}"]`).fill(text);
        await choose(desk.page, "kind", "mother");
        await choose(desk.page, "proof", "birth");
        await desk.page.locator('form[action="/access/proxies"] button[type="submit"]').click();
        await desk.page.locator('[name="child"][aria-invalid="true"]').waitFor();
        await desk.look("proxies-wrong");
        await desk.context.close();
      }],
      ["who speaks for a grown person: from a decision, with its scan, until it is looked at anew", async () => {
        const desk = await User.arrive(world);
        await desk.signIn(server.account("operator"));
        await desk.page.waitForURL((url) => url.pathname !== "/sign-in");
        await desk.open("/access/proxies");
        const form = desk.page.locator('form[action="/access/proxies/guardians"]');
        for (const name of ["ground", "paper"]) assert.equal(await form.locator(`select[name="${name}"]`).inputValue(), "");
        const day = (ahead) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
        const scan = () => form.locator('input[name="scan"]').setInputFiles({
          name: "quyet-dinh.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4\n%%EOF\n"),
        });
        for (const [name, text] of [
          ["ward", "046000000000"], ["ward_name", "Nguyễn Văn Già"], ["reader", person.number], ["reader_name", person.name],
          ["number", "15/2026/QĐST-DS"], ["day", day(-30)], ["issuer", "Toà án nhân dân khu vực 1"], ["review", day(200)],
        ]) await form.locator(`[name="${name}"]`).fill(text);
        await form.locator('select[name="ground"]').selectOption("lost");
        await form.locator('select[name="paper"]').selectOption("court");
        await scan();
        await form.locator('button[type="submit"]').click();
        await form.locator('[name="ward"][aria-invalid="true"]').waitFor();
        assert.equal(await form.locator('[name="issuer"]').inputValue(), "Toà án nhân dân khu vực 1");
        await desk.look("guardian-wrong");
        // The person of this journey is the ward, somebody else of the facility the guardian.
        const doctor = await User.arrive(world);
        await doctor.signIn(server.account("clinician"));
        await doctor.page.waitForURL((url) => url.pathname === "/people");
        await doctor.open("/people?q=nguyen");
        const homes = await doctor.page.locator('main table.data a[href^="/people/"]').evaluateAll((all) => [...new Set(all.map((a) => a.getAttribute("href")))]);
        const found = [];
        for (const home of homes) {
          await doctor.open(home);
          const number = (await doctor.page.locator("#numbers dd").allInnerTexts()).map((n) => n.trim()).find((n) => /^\d{12}$/.test(n));
          const banner = await doctor.page.locator("section.patient").innerText();
          const year = Number(/\b(19\d\d|20\d\d)\b/.exec(banner)?.[1] ?? 0);
          const name = (await doctor.page.locator("section.patient .name").innerText()).trim();
          if (number && year > 0 && year < 2000) found.push({ home, number, name });
          if (found.length === 2) break;
        }
        assert.equal(found.length, 2, "two grown people with numbers");
        const [ward, guardian] = found;
        for (const [name, text] of [["ward", ward.number], ["ward_name", ward.name], ["reader", guardian.number], ["reader_name", guardian.name]]) {
          await form.locator(`[name="${name}"]`).fill(text);
        }
        await scan();
        await form.locator('button[type="submit"]').click();
        await desk.page.waitForURL(/\/access\/proxies\?done=made/);
        assert.match(await desk.page.locator("main table").innerText(), /15\/2026\/QĐST-DS/);
        await desk.look("guardian");
        await desk.page.locator('details.confirm summary').first().click();
        await desk.page.locator('main table form[action$="/end"] button[type="submit"]').first().click();
        await desk.page.waitForURL((url) => url.pathname === "/access/proxies" && url.search === "");
        await doctor.context.close();
        await desk.context.close();
      }],
    ];
  });
};

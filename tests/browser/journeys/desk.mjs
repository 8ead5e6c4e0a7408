// A court asks in writing: the desk writes it down, the head approves, who was let in comes by a code and sees that and nothing else.
import assert from "node:assert/strict";
import { User, journey } from "../lib/browser.mjs";

export default (world) => {
  const { server, screen } = world;
  const who = `Thẩm phán Thử (${screen.name})`;
  const person = { home: "", name: "", number: "" };
  let at = "";
  let code = "";
  return journey(world, "desk", {}, (user) => {
    const { page } = user;
    const others = [];
    const other = async (role) => {
      const arrived = await User.arrive(world);
      others.push(arrived);
      if (role) {
        await arrived.signIn(server.account(role));
        await arrived.page.waitForURL((url) => url.pathname !== "/sign-in");
      }
      return arrived;
    };
    const write = async (number, days) => {
      await page.locator('select[name="purpose"], input[name="purpose"][value="LEGAL"]').first().evaluate((e) => {
        if (e.tagName === "SELECT") e.value = "LEGAL";
        else e.click();
      });
      await page.locator('input[name="name"]').fill(who);
      await page.locator('input[name="body"]').fill("Toà án nhân dân thành phố");
      await page.locator('input[name="paper"]').fill("12/GGT-TAND ngày 02/03/2026");
      await page.locator('input[name="ground"]').fill("Bộ luật Tố tụng dân sự, Điều 106");
      await page.locator('textarea[name="why"]').fill("Giải quyết vụ án số 7");
      await page.locator('textarea[name="numbers"]').fill(number);
      await page.locator('select[name="parts"]').selectOption("0");
      await page.locator('input[name="days"]').fill(days);
      await page.locator('form[action="/access/desk"] button[type="submit"]').click();
    };
    return [
      ["a request is written down; what is wrong is told at its field", async () => {
        await user.signIn(server.account("clinician"));
        await page.waitForURL((url) => url.pathname === "/people");
        await user.open("/people?q=nguyen");
        person.home = await page.locator('main table.data a[href^="/people/"]').first().getAttribute("href");
        await user.open(person.home);
        person.name = (await page.locator("section.patient .name").innerText()).trim();
        const numbers = await page.locator("#numbers dd").allInnerTexts();
        person.number = numbers.map((n) => n.trim()).find((n) => /^\d{10}$|^\d{12}$/.test(n) && !n.startsWith("09"));
        await user.open("/access/desk");
        await user.look("desk");
        for (const name of ["purpose", "parts"]) assert.equal(await page.locator(`select[name="${name}"]`).inputValue(), "", `${name} is chosen by a person`);
        await write("046000000000", "45");
        await page.locator('input[name="days"][aria-invalid="true"]').waitFor();
        await user.look("desk-wrong");
        await write(person.number, "3");
        await page.waitForURL(/\/access\/desk\?done=written/);
        const link = page.locator('main a[href^="/access/desk/"]', { hasText: who }).first();
        at = await link.getAttribute("href");
        await user.follow(link);
        assert.equal(await page.locator('select[name="verdict"], input[name="verdict"]').count(), 0, "another decides");
        await user.look("desk-request");
        // The letter, scanned.
        const send = async (name, text) => {
          const file = { name, mimeType: "application/pdf", buffer: Buffer.from(text) };
          await page.locator(`form[action="${at}/papers"] input[type="file"]`).setInputFiles(file);
          await page.locator(`form[action="${at}/papers"] button[type="submit"]`).click();
        };
        await send("cong-van.pdf", "%PDF-1.4\n%%EOF\n");
        await page.locator(`main a[href="${at}/papers/1"], main a[href^="${at}/papers/"]`).first().waitFor();
        await user.look("desk-paper");
      }],
      ["the head approves", async () => {
        const head = await other("head");
        await head.open(at);
        await head.look("desk-decide");
        await head.page.locator('[name="verdict"]').first().evaluate((e) => {
          if (e.tagName === "SELECT") e.value = "approve";
          else e.click();
        });
        await head.page.locator('[name="remark"]').fill("Đủ giấy tờ");
        await head.page.locator(`form[action="${at}"] button[type="submit"]`).click();
        await head.page.locator(`form[action="${at}/code"]`).waitFor();
        await head.look("desk-approved");
      }],
      ["the desk gives the code, once", async () => {
        await user.open(at);
        await page.locator(`form[action="${at}/code"] button`).click();
        code = /[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}/.exec(await page.locator("main").innerText())[0];
        await user.look("desk-code");
        await page.locator(`form[action^="${at}/copies/"] button`).first().click();
        await page.locator(`main a[href^="${at}/copies/"]`).first().waitFor();
        await user.look("desk-copy");
        const made = await page.request.get(await page.locator(`main a[href^="${at}/copies/"]`).first().getAttribute("href"));
        assert.equal((await made.body()).subarray(0, 5).toString(), "%PDF-");
        await user.open(at);
        assert.ok(!(await page.locator("main").innerText()).includes(code));
      }],
      ["who was let in sees the record, and nothing else", async () => {
        const visitor = await other();
        await visitor.open("/desk");
        await visitor.look("desk-door");
        await visitor.page.locator('input[name="number"]').fill(at.split("/").at(-1));
        await visitor.page.locator('input[name="code"]').fill(code);
        await visitor.page.locator('form[action="/desk"] button[type="submit"]').click();
        await visitor.page.waitForURL((url) => url.pathname === "/desk/view");
        await visitor.look("desk-view");
        await visitor.follow(visitor.page.locator('main a[href^="/people/"]').first());
        assert.equal((await visitor.page.locator("section.patient .name").innerText()).trim(), person.name);
        assert.equal(await visitor.page.locator("#looks, #merges").count(), 0);
        await visitor.look("desk-record");
        await visitor.open("/people?q=nguyen", 403);
        await visitor.open("/people/1", person.home === "/people/1" ? 200 : 404);
      }],
      ["every look stands on the request, and it is ended before its time", async () => {
        await user.open(at);
        assert.match(await page.locator("main").innerText(), new RegExp(`person ${person.home.split("/").at(-1)}\\b`));
        await user.look("desk-looks");
        await page.locator(`details.confirm:has(form[action="${at}/end"]) summary`).click();
        await page.locator(`form[action="${at}/end"] button[type="submit"]`).click();
        await page.locator(`form[action="${at}/code"]`).waitFor({ state: "detached" });
        await others.at(-1).page.goto("/desk/view");
        assert.match(others.at(-1).page.url(), /\/sign-in/);
        for (const one of others) await one.context.close();
      }],
    ];
  });
};

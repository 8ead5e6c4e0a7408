// A station sends a spreadsheet, mends who is in doubt; the head issues a pass, anybody checks its QR code, taken back it no longer
// counts; the leader begins a batch.
import assert from "node:assert/strict";
import { User, journey } from "../lib/browser.mjs";

const HEAD = "HO_TEN,NGAY_SINH,GIOI_TINH,SO_CCCD,VAC_XIN,MUI_SO,NGAY_TIEM,SO_LO,MA_XA\n";

export default (world) => {
  const { server, screen } = world;
  // Each screen its own person: the second run must find nobody of the first.
  const last = screen.name === "phone" ? "2" : "1";
  const number = `04608877700${last}`;
  const name = `Phan Thử Tiêm ${last === "1" ? "Một" : "Hai"}`;
  const rows = `${name},09/03/1988,Nam,${number},AstraZeneca,1,01/08/2026,L1,19774\n${name},09/03/1988,Nam,,AstraZeneca,2,01/10/2026,L2,19774\n,09/03/1988,Nam,,AstraZeneca,2,01/10/2026,L2,19774\n`;
  let home = "", code = "", text = "";
  return journey(world, "vaccines", {}, (user) => {
    const { page } = user;
    const others = [];
    const other = async (role) => {
      const arrived = await User.arrive(world);
      others.push(arrived);
      if (role) await arrived.signIn(server.account(role));
      return arrived;
    };
    return [
      ["a spreadsheet is sent: right rows are taken, the wrong one is told by line", async () => {
        await user.signIn(server.account("clinician"));
        await page.goto("/vaccines");
        await user.look("vaccines");
        await user.follow(page.locator('main a[href="/vaccines/import"]'));
        await page.locator('input[type="file"]').setInputFiles({ name: `tiem-${screen.name}.csv`, mimeType: "text/csv", buffer: Buffer.from(HEAD + rows) });
        await user.look("vaccines-import");
        await page.locator("form.upload button").click();
        await page.waitForURL(/\/vaccines\/import\/\d+$/);
        const told = await page.locator("main").innerText();
        assert.match(told, /HO_TEN/);
        assert.match(await page.locator("tbody tr").first().innerText(), /4/);
        await user.look("vaccines-file");
      }],
      ["who has no number waits in the queue of the commune and is mended by the card", async () => {
        await page.goto("/vaccines/queue?commune=19774");
        await user.look("vaccines-queue");
        await user.follow(page.locator("main a", { hasText: name }).first());
        const field = page.locator('input[name="number"]');
        await field.fill("046188777001");
        await page.locator("main form button").click();
        await page.locator(".field .error, .field-error, [aria-invalid]").first().waitFor();
        await user.look("vaccines-mend");
        await page.locator('input[name="number"]').fill(number);
        await page.locator("main form button").click();
        await page.waitForURL(/\/vaccines\/people\/\d+\?done=mend/);
        home = new URL(page.url()).pathname;
        assert.equal(await page.locator("table").first().locator("tbody tr").count(), 2, "both doses are one person's");
        await user.look("vaccines-person");
      }],
      ["the head issues the pass; anybody checks its QR code without signing in", async () => {
        assert.equal(await page.locator('form[action$="/issue"]').count(), 0, "the head issues");
        const head = await other("head");
        await head.page.goto(home);
        await head.page.locator('form[action$="/issue"] button').click();
        await head.page.waitForURL(/done=issue/);
        await head.look("vaccines-issued");
        const href = await head.page.locator('a[href$="/pass.pdf"]').first().getAttribute("href");
        code = href.split("/").at(-2);
        const pdf = await head.page.context().request.get(href);
        assert.equal((await pdf.body()).subarray(0, 5).toString(), "%PDF-");
        text = await (await head.page.context().request.get(`/vaccines/passes/${code}/qr.txt`)).text();
        assert.match(text, /^HC1:/);
        const anybody = await other();
        await anybody.page.goto("/verify");
        await anybody.page.locator('input[type="file"]').setInputFiles({ name: "qr.txt", mimeType: "text/plain", buffer: Buffer.from(text) });
        await anybody.page.locator("main form button").click();
        await anybody.page.waitForLoadState();
        await anybody.look("vaccines-verify");
        await anybody.page.locator(".notice.good").waitFor();
        assert.match(await anybody.page.locator("main").innerText(), new RegExp(code));
        // Put in as from the clipboard, which a field's limit cuts.
        await anybody.page.goto("/verify");
        await anybody.page.locator('textarea[name="code"]').focus();
        await anybody.page.keyboard.insertText(text);
        assert.equal(await anybody.page.locator('textarea[name="code"]').inputValue(), text.trim());
        await anybody.page.locator("main form button").click();
        await anybody.page.locator(".notice.good").waitFor();
      }],
      ["taken back with its reason, it no longer counts for anybody", async () => {
        const [head, anybody] = others;
        await head.page.locator('form[action$="/revoke"] input[name="why"]').fill("Ghi nhầm mũi");
        await head.page.locator('form[action$="/revoke"] button').click();
        await head.page.waitForURL(/done=revoke/);
        await head.look("vaccines-revoked");
        await anybody.page.goto("/verify");
        await anybody.page.locator('input[type="file"]').setInputFiles({ name: "qr.txt", mimeType: "text/plain", buffer: Buffer.from(text) });
        await anybody.page.locator("main form button").click();
        assert.match(await anybody.page.locator(".notice.bad").innerText(), /thu hồi/);
      }],
      ["the leader begins a batch and sees how far it is", async () => {
        const leader = await other("leader");
        await leader.page.goto("/vaccines/batches");
        await leader.look("vaccines-batches");
        await leader.page.locator('main form button[type="submit"]').first().click();
        await leader.page.waitForURL(/\/vaccines\/batches$/);
        await leader.page.waitForFunction(async () => {
          const answer = await fetch("/vaccines/batches");
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          return page.querySelector("tbody tr")?.textContent.includes("Xong");
        });
        for (const who of others) await who.leave();
      }],
    ];
  });
};

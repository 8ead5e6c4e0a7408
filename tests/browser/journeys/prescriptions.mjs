// A prescription is written, signed, printed, sent, looked up by a pharmacy from the paper's QR code, handed out in part, then the rest,
// and its paper is verified by anybody. Once more without script.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { User, journey } from "../lib/browser.mjs";
import { visited } from "./verify.mjs";
import { out, program, root } from "../lib/paths.mjs";

/** Each run its own person and medicines: nothing of the run before is in use. */
const RUNS = {
  desktop: { number: "046164880004", drugs: [["Paracetamol (Panadol) 500 mg [PAR500]", "PAR500"], ["Amoxicilin 500 mg [AMO500]", "AMO500"]] },
  phone: { number: "046165880005", drugs: [["Ibuprofen 400 mg [IBU400]", "IBU400"], ["Loratadin 10 mg [LOR010]", "LOR010"]] },
  plain: { number: "046163880003", drugs: [["PAR500", "PAR500"], ["OME020", "OME020"]] },
};

export default (world, { script = true } = {}) => {
  const { server, screen } = world;
  const { number, drugs } = RUNS[script ? screen.name : "plain"];
  const pictured = (name) => (script ? name : `${name}-plain`);
  let home = "", code = "", file = "";
  /** Asks again until the page says it: the queue works on its own. */
  const until = async (page, wanted) => {
    for (let n = 0; !wanted.test(await page.locator("main").innerText()); n += 1) {
      assert.ok(n < 200, `the page never said ${wanted}`);
      await page.reload();
    }
  };
  return journey(world, script ? "prescriptions" : "prescriptions without script", { script }, (user) => {
    const { page } = user;
    const others = [];
    const other = async (account) => {
      const arrived = await User.arrive(world, { script });
      others.push(arrived);
      if (account) await arrived.signIn(account);
      return arrived;
    };
    return [
      ["the doctor finds the patient; what was typed wrong is told at its field and kept", async () => {
        await user.signIn(server.account("clinician"));
        await page.goto("/prescriptions");
        await user.look(pictured("prescriptions"));
        await user.follow(page.locator('main a[href="/prescriptions/new"]').first());
        await page.locator('input[name="number"]').fill("000000000000");
        await page.locator("main form button").click();
        await page.locator(".field.wrong").waitFor();
        await page.locator('input[name="number"]').fill(number);
        await page.locator("main form button").click();
        await page.waitForURL(/person=\d+/);
        await page.locator('select[name="kind"]').selectOption("c");
        await page.locator('select[name="course"]').selectOption("acute");
        await page.locator('input[name="icd"]').fill("J20");
        await page.locator('input[name="drug-1"]').fill("thuốc không có");
        await page.locator('input[name="quantity-1"]').fill("hai mươi");
        await page.locator('main button[type="submit"]:not([name="do"])').last().click();
        await page.locator(".errors li").first().waitFor();
        assert.equal(await page.locator('input[name="drug-1"]').inputValue(), "thuốc không có");
        await user.look(pictured("prescription-wrong"));
      }],
      ["written and kept as a draft; too much a day wants a reason; signed", async () => {
        for (const [n, [typed]] of drugs.entries()) {
          await page.locator(`input[name="drug-${n + 1}"]`).fill(typed);
          await page.locator(`input[name="quantity-${n + 1}"]`).fill(n === 0 ? "60" : "10");
          await page.locator(`input[name="days-${n + 1}"]`).fill("5");
          await page.locator(`input[name="usage-${n + 1}"]`).fill("Ngày 2 lần, mỗi lần 1 viên sau ăn");
        }
        await page.locator('textarea[name="advice"]').fill("Uống nhiều nước, khám lại nếu sốt");
        await user.look(pictured("prescription-form"));
        await page.locator('main button[type="submit"]:not([name="do"])').last().click();
        await page.waitForURL(/\/prescriptions\/case\/[0-9a-z]{12}-c$/);
        home = new URL(page.url()).pathname;
        code = home.split("/").at(-1);
        assert.match(await page.locator(".notice").first().innerText(), /vượt/);
        await user.look(pictured("prescription-draft"));
        await page.locator('form[action$="/sign"] input[name="reason"]').fill("Liều theo hội chẩn");
        await page.locator('form[action$="/sign"] button').click();
        await page.waitForURL(/done=sign/);
        await page.locator(".notice.good").waitFor();
        await page.goto(home);
        await until(page, /Đã gửi/);
        await user.look(pictured("prescription-signed"));
      }],
      ["printed: the QR code says the code, and anybody verifies the paper", async () => {
        const pdf = await page.context().request.get(`${home}/prescription.pdf`);
        assert.match(pdf.headers()["content-type"], /^application\/pdf/);
        const bytes = await pdf.body();
        assert.equal(bytes.toString("latin1").split("/ByteRange").length - 1, 1, "one signature");
        file = join(out, `${code}.pdf`);
        writeFileSync(file, bytes);
        execFileSync("pdftoppm", ["-r", "150", "-png", file, join(out, code)]);
        const pages = readdirSync(out).filter((name) => name.startsWith(`${code}-`)).map((name) => join(out, name));
        const read = spawnSync("zbarimg", ["--quiet", "--raw", ...pages], { encoding: "utf8" });
        const scanned = read.stdout.trim().split("\n").sort();
        assert.equal(scanned.length, 2, "the code at its head, and its words signed at its foot");
        assert.equal(scanned[0], code.toUpperCase());
        const anybody = await other();
        if (script) {
          await visited(anybody.page);
          await anybody.context.setOffline(true);
          await anybody.page.goto(`/verify${scanned[1].slice(scanned[1].indexOf("#"))}`);
          await anybody.page.locator("#answer .notice.good").waitFor();
          assert.match(await anybody.page.locator("#answer").innerText(), new RegExp(`Đơn thuốc[\\s\\S]*${code}`, "i"));
          await anybody.context.setOffline(false);
        }
        await anybody.page.goto("/verify");
        await anybody.page.locator('input[name="file"]').setInputFiles(file);
        await anybody.page.locator('main form[action="/verify"] button[type="submit"]').click();
        await anybody.page.locator(".notice").first().waitFor();
        const said = await anybody.page.locator("main").innerText();
        for (const wanted of ["Chữ ký đúng", server.account("clinician").display]) assert.ok(said.includes(wanted), `${wanted}: ${said}`);
        await anybody.look(pictured("prescription-verified"));
      }],
      ["the pharmacy scans the code and hands out a part, never more than is left, then the rest", async () => {
        const pharmacy = await other(server.account("operator"));
        const shop = pharmacy.page;
        await shop.goto("/prescriptions/dispense");
        await shop.locator('input[name="code"]').fill("46001aaaaaaa-c");
        await shop.keyboard.press("Enter");
        await shop.locator(".notice.bad").waitFor();
        await shop.locator('input[name="code"]').fill(code.toUpperCase());
        await shop.keyboard.press("Enter");
        await shop.locator('input[name="invoice"]').waitFor();
        await pharmacy.look(pictured("prescription-pharmacy"));
        const sell = async (invoice, first, second) => {
          await shop.goto(`/prescriptions/dispense?code=${code}`);
          await shop.locator('input[name="invoice"]').fill(invoice);
          await shop.locator('input[name="quantity-1"]').fill(first);
          if (await shop.locator('input[name="quantity-2"]').count()) await shop.locator('input[name="quantity-2"]').fill(second);
          await shop.locator('form[action^="/prescriptions/dispense/"] button').click();
        };
        await sell(`A${screen.name}`, "20", "");
        await shop.waitForURL(/done=dispense/);
        assert.match(await shop.locator("main").innerText(), /Đã cấp một phần/);
        await pharmacy.look(pictured("prescription-partly"));
        await sell(`B${screen.name}`, "41", "10");
        assert.match(await shop.locator("main").innerText(), /quá số lượng còn lại/);
        await sell(`B${screen.name}`, "40", "10");
        await shop.waitForURL(/done=dispense/);
        assert.match(await shop.locator("main").innerText(), /Đã cấp đủ/);
        assert.equal(await shop.locator('input[name="invoice"]').count(), 0, "nothing is left");
      }],
      ["a pharmacy's program looks it up by its key, as the sample client does", async () => {
        const made = execFileSync(program, ["--data", server.data, "key", "new", "--facility", server.account("operator").facility, "--name", "nhà thuốc"], { encoding: "utf8" });
        const env = { ...process.env, MACH_KEY: /mach_[0-9a-f]+/.exec(made)[0] };
        const client = (...args) => spawnSync("python3", [join(root, "docs/samples/pharmacy.py"), server.url, ...args], { encoding: "utf8", env });
        const found = client(code);
        assert.equal(found.status, 0, found.stderr);
        assert.match(found.stdout, new RegExp(`^${code} .* done closed\\n1\\. .*: 0 of 60 `));
        const again = client(code, `B${screen.name}`, "1=40", "2=10");
        assert.equal(again.status, 0, `the same sale again is the same: ${again.stderr}`);
        const more = client(code, "C", "1=1");
        assert.deepEqual([more.status, more.stderr.slice(0, 3)], [1, "409"], more.stderr);
      }],
      ["the doctor sees what was handed out, told to the national system", async () => {
        await page.goto(home);
        const told = async () => (await page.locator("table").last().innerText()).match(/Đã gửi/g)?.length ?? 0;
        for (let n = 0; (await told()) < 3; n += 1) {
          assert.ok(n < 200, "three lines of two sales are told");
          await page.reload();
        }
        await user.look(pictured("prescription-done"));
        for (const who of others) await who.leave();
      }],
    ];
  });
};

// Who takes a narcotic signs for it at the pharmacy: by hand on the screen, by a code on their telephone, by a finger, or on paper. Without a
// signature nothing is handed out; what was signed stands in the record and is printed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { User, journey } from "../lib/browser.mjs";
import { FingerReader } from "../lib/desktop.mjs";
import { out } from "../lib/paths.mjs";
import { prescribe, sign } from "./phone.mjs";

const PEOPLE = { desktop: "046160880000", phone: "046161880001" };
const RECEIVER = { name: "Lê Thị Nhận Thay", number: "046190000009" };

export default (world) => {
  const { server, screen } = world;
  let home = "", code = "";
  const reader = new FingerReader();
  return journey(world, "receipts", { insecure: true }, (user) => {
    const { page } = user;
    let doctor;
    /** To the receipt of a sale. */
    const ask = async (invoice, quantity) => {
      await page.goto(`/prescriptions/dispense?code=${code}`);
      await page.locator('input[name="invoice"]').fill(invoice);
      await page.locator('input[name="quantity-1"]').fill(quantity);
      await page.locator('input[name="receiver"]').fill(RECEIVER.name);
      await page.locator('input[name="receiver-number"]').fill(RECEIVER.number);
      await page.locator('input[name="receiver-phone"]').fill("0912345679");
      await page.locator('form[action^="/prescriptions/dispense/"] button').click();
      await page.locator("h1", { hasText: "Biên nhận thuốc" }).waitFor();
    };
    const left = async () => {
      await page.goto(`/prescriptions/dispense?code=${code}`);
      return page.locator('input[name="quantity-1"]').inputValue();
    };
    return [
      ["a doctor prescribes morphine", async () => {
        doctor = await User.arrive(world);
        await doctor.signIn(server.account("clinician"));
        home = await prescribe(doctor.page, PEOPLE[screen.name], { kind: "n", icd: "C34", drug: "MOR010", quantity: "20", days: "5" });
        code = home.split("/").at(-1);
        await sign(doctor.page);
        await user.signIn(server.account("operator"));
      }],
      ["nothing is handed out before who takes it has signed exactly what they read", async () => {
        await ask(`N1${screen.name}`, "5");
        const said = await page.locator("main").innerText();
        for (const wanted of [code.toUpperCase(), RECEIVER.name, RECEIVER.number, "05 (Năm) viên", "Tôi đã nhận đủ"]) assert.ok(said.includes(wanted), `${wanted}: ${said}`);
        await user.look("receipt");
        await page.locator('button[value="pad"]').click();
        await page.locator("p.wrong", { hasText: "chưa ký" }).waitFor();
        assert.ok((await page.locator("main").innerText()).includes(RECEIVER.name), "what was typed is kept");
        await user.look("receipt-not-drawn");
        assert.equal(await left(), "20");
      }],
      ["by hand on the screen", async () => {
        await ask(`N1${screen.name}`, "5");
        const pad = page.locator('[data-draw="signature"] canvas');
        await pad.scrollIntoViewIfNeeded();
        const box = await pad.boundingBox();
        await page.mouse.move(box.x + 20, box.y + box.height / 2);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width / 2, box.y + 10);
        await page.mouse.move(box.x + box.width - 20, box.y + box.height / 2);
        await page.mouse.up();
        await page.locator('button[value="pad"]').click();
        await page.waitForURL(/done=dispense/);
        assert.match(await page.locator("main").innerText(), /Người nhận ký tay trên màn hình lúc .*SHA-256 của nét ký: [0-9a-f]{64}/);
        await user.look("receipt-signed");
      }],
      ["by a code on their telephone; a wrong one is told", async () => {
        await ask(`N2${screen.name}`, "5");
        const before = server.messages().length;
        await page.locator('button[value="send"]').click();
        await page.locator('input[name="code"]').waitFor();
        const sent = await server.message(before);
        const [, secret, digits] = /ma (\d{6}) xac nhan da nhan thuoc ([0-9a-f]{8})/.exec(sent);
        assert.ok((await page.locator("main").innerText()).includes(digits), "page and message name the same receipt");
        await page.locator('input[name="code"]').fill(secret === "111111" ? "222222" : "111111");
        await page.locator('button[value="code"]').click();
        assert.match(await page.locator(".field p.wrong").innerText(), /Còn 4 lần thử/);
        await user.look("receipt-wrong-code");
        await page.locator('input[name="code"]').fill(secret);
        await page.locator('button[value="code"]').click();
        await page.waitForURL(/done=dispense/);
        assert.match(await page.locator("main").innerText(), /xác nhận bằng mã gửi tới điện thoại/);
      }],
      ["by a finger, and on paper", async () => {
        mkdirSync(join(server.data, "signing/readers"), { recursive: true });
        writeFileSync(join(server.data, `signing/readers/receipts-${screen.name}.pem`), reader.certificate());
        await reader.start();
        await ask(`N3${screen.name}`, "5");
        reader.fault = "template";
        await page.locator("form[data-reader] button").click();
        await page.locator(".notice.bad", { hasText: /không được chấp nhận/ }).waitFor();
        reader.fault = "";
        await page.locator("form[data-reader] button").click();
        await page.waitForURL(/done=dispense/);
        assert.match(await page.locator("main").innerText(), /xác nhận bằng vân tay/);
        await reader.stop();
        await ask(`N4${screen.name}`, "5");
        await page.locator('button[value="paper"]').click();
        await page.waitForURL(/done=dispense/);
        assert.match(await page.locator("main").innerText(), /Đã cấp đủ/);
      }],
      ["the doctor sees who signed for what, and the receipt is printed", async () => {
        await doctor.page.goto(home);
        const said = await doctor.page.locator("main").innerText();
        for (const wanted of ["ký tay trên màn hình", "mã gửi tới điện thoại", "vân tay", "ký trên giấy"]) assert.ok(said.includes(wanted), `${wanted}: ${said}`);
        await doctor.look("receipt-doctor");
        const href = await page.locator('a[href*="/receipt/"]').first().getAttribute("href");
        const pdf = await page.context().request.get(href);
        assert.match(pdf.headers()["content-type"], /^application\/pdf/);
        const file = join(out, `${code}-receipt.pdf`);
        writeFileSync(file, await pdf.body());
        const text = spawnSync("pdftotext", ["-layout", file, "-"], { encoding: "utf8" }).stdout;
        for (const wanted of ["BIÊN NHẬN THUỐC", RECEIVER.name, RECEIVER.number, "ký tay trên màn hình"]) assert.ok(text.includes(wanted), `${wanted}: ${text}`);
        await doctor.leave();
      }],
    ];
  });
};

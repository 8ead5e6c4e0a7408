// A doctor signs with a key that is with a remote service: chosen beside the button, waited for, refused on the phone, asked for again,
// agreed to, and the paper is verified by anybody. The phone is the demonstration's simulator, and says so.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { User, journey } from "../lib/browser.mjs";
import { out } from "../lib/paths.mjs";

const PEOPLE = { desktop: "046160880000", phone: "046161880001" };

/** Writes a prescription of one medicine; gives the path of its draft. */
export async function prescribe(page, number, { kind, icd, drug, quantity, days }) {
  await page.goto("/prescriptions/new");
  await page.locator('input[name="number"]').fill(number);
  await page.locator("main form button").click();
  await page.waitForURL(/person=\d+/);
  await page.locator('select[name="kind"]').selectOption(kind);
  await page.locator('select[name="course"]').selectOption("acute");
  await page.locator('input[name="icd"]').fill(icd);
  await page.locator('input[name="drug-1"]').fill(drug);
  await page.locator('input[name="quantity-1"]').fill(quantity);
  await page.locator('input[name="days-1"]').fill(days);
  await page.locator('input[name="usage-1"]').fill("Ngày 2 lần, mỗi lần 1 viên");
  await page.locator('main button[type="submit"]:not([name="do"])').last().click();
  await page.waitForURL(/\/prescriptions\/case\/[0-9a-z]{12}-[a-z]$/);
  return new URL(page.url()).pathname;
}

/** Signs a draft, with a reason where the rules want one. */
export async function sign(page, choose = async () => {}) {
  const reason = page.locator('form[action$="/sign"] input[name="reason"]');
  if (await reason.count()) await reason.fill("Theo hội chẩn");
  await choose(page.locator('form[action$="/sign"] select[name="with"]'));
  await page.locator('form[action$="/sign"] button').click();
  await page.waitForURL(/done=sign/);
}

export default (world) => {
  const { server, screen } = world;
  let home = "", code = "";
  return journey(world, "remote signing", {}, (user) => {
    const { page } = user;
    let phone, other;
    const byService = async (select) => {
      const option = select.locator("option", { hasText: /SmartCA \(mô phỏng\)/ });
      await select.selectOption(await option.getAttribute("value"));
    };
    return [
      ["the doctor has a key here and one with a service, and chooses the service", async () => {
        await user.signIn(server.account("clinician"));
        home = await prescribe(page, PEOPLE[screen.name], { kind: "c", icd: "J20", drug: "PAR500", quantity: "10", days: "5" });
        code = home.split("/").at(-1);
        const select = page.locator('form[action$="/sign"] select[name="with"]');
        assert.equal(await select.locator("option").count(), 2, "a soft key and a service");
        assert.match(await select.locator("option:checked").innerText(), /tệp trên máy này/, "nobody waits for a phone unasked");
        await user.look("remote-choice");
        await sign(page, byService);
        await page.locator("[data-waits]").waitFor();
        assert.match(await page.locator("[data-waits]").innerText(), new RegExp(`xác nhận trên điện thoại: Đơn thuốc ${code}`, "i"));
        await user.look("remote-waits");
      }],
      ["the phone shows what is asked, plainly as a simulator, to its owner alone", async () => {
        phone = await User.arrive({ ...world, screen: { name: `${screen.name}-phone`, width: 390, height: 844 } });
        await phone.signIn(server.account("clinician"));
        await phone.page.goto("/demo/phone");
        const said = await phone.page.locator("main").innerText();
        assert.match(said, /Đây là mô phỏng, không phải VNPT SmartCA/);
        assert.ok(said.includes(`Đơn thuốc ${code.toUpperCase()}`), said);
        const [, digits] = /số đối chiếu ([0-9a-f]{8})/.exec(await page.locator("[data-waits]").innerText());
        assert.ok(said.includes(digits), "both show the same digits");
        await phone.look("remote-phone");
        other = await User.arrive(world);
        await other.signIn(server.accounts().find((a) => a.name === "doctor2"));
        await other.page.goto("/demo/phone");
        assert.match(await other.page.locator("main").innerText(), /Không có yêu cầu ký nào của bạn/);
        const action = await phone.page.locator('form[action^="/demo/phone/"]').first().getAttribute("action");
        const stolen = await other.context.request.post(action, { form: { do: "agree" }, headers: { origin: server.url } });
        assert.equal(stolen.status(), 404, "nobody answers another's phone");
        await other.page.goto("/prescriptions");
        await other.leave();
      }],
      ["while the phone is silent, the paper waits and is no paper", async () => {
        await page.goto(home);
        await page.locator("[data-waits]").waitFor();
        const pdf = await page.context().request.get(`${home}/prescription.pdf`);
        assert.ok(!(await pdf.body()).includes("/ByteRange"), "a draft");
      }],
      ["refused: the doctor is told, and asks again with the same service", async () => {
        await phone.page.locator('form:has(input[value="refuse"]) button').click();
        await phone.page.waitForURL(/done=refuse/);
        await phone.look("remote-phone-refused");
        // The page looks by itself, and comes anew.
        await page.locator('form[action$="/resume"]').waitFor();
        assert.match(await page.locator("main").innerText(), /đã từ chối trên điện thoại/);
        await user.look("remote-refused");
        assert.match(await page.locator('form[action$="/resume"] option:checked').innerText(), /SmartCA/);
        await page.locator('form[action$="/resume"] button').click();
        await page.locator("[data-waits]").waitFor();
      }],
      ["agreed to: it is signed, checked, sent, and anybody verifies it", async () => {
        await phone.page.goto("/demo/phone");
        await phone.page.locator('form:has(input[value="agree"]) button').click();
        await phone.page.waitForURL(/done=agree/);
        assert.equal(await phone.page.locator('form[action^="/demo/phone/"]').count(), 0, "nothing is asked any more");
        await page.locator("[data-waits]").waitFor({ state: "detached" });
        assert.match(await page.locator("main").innerText(), /Đã ký/);
        await user.look("remote-signed");
        const pdf = await page.context().request.get(`${home}/prescription.pdf`);
        const bytes = await pdf.body();
        assert.equal(bytes.toString("latin1").split("/ByteRange").length - 1, 1, "one signature");
        const file = join(out, `${code}-remote.pdf`);
        writeFileSync(file, bytes);
        await phone.page.goto("/verify");
        await phone.page.locator('input[name="file"]').setInputFiles(file);
        await phone.page.locator('main form[action="/verify"] button[type="submit"]').click();
        await phone.page.locator(".notice").first().waitFor();
        const said = await phone.page.locator("main").innerText();
        for (const wanted of ["Chữ ký đúng", server.account("clinician").display]) assert.ok(said.includes(wanted), `${wanted}: ${said}`);
        await phone.leave();
      }],
    ];
  });
};

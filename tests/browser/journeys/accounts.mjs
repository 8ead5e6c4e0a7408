// Administrators look after accounts; everybody after their own.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { User, journey } from "../lib/browser.mjs";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The code an authenticator app shows now (RFC 6238), computed by another hand than the program's. */
function codeNow(secret) {
  const bits = [...secret.replace(/\s/g, "")].map((c) => ALPHABET.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => Number.parseInt(b, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", key).update(step).digest();
  const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

/** Turns the second factor of who is signed in on; gives the codes for paper. */
export async function enrol(page) {
  await page.locator('form[action="/account/second-factor/new"] button').click();
  const secret = await page.locator(".big-code").innerText();
  await page.locator('input[name="code"]').fill(codeNow(secret));
  await page.locator('form[action="/account/second-factor"] button').click();
  return page.locator(".codes code").allInnerTexts();
}

export default (world) => {
  const { server } = world;
  const admins = server.accounts().filter((a) => a.role === "administrator");
  const doctor = { name: "bs.thu", password: "một câu thật dài để nhớ" };
  let paper = [];
  return journey(world, "accounts", {}, (user) => {
    const { page } = user;
    const shownCode = () => page.locator(".codes code").first().innerText();
    const others = [];
    /** Another person at another screen. */
    const other = async () => {
      const arrived = await User.arrive(world);
      others.push(arrived);
      return arrived;
    };
    return [
      ["an administrator is asked for a second factor before anything else", async () => {
        await user.signIn(admins[0]);
        await page.waitForURL(/\/account\?need=factor/);
        await user.look("account");
      }],
      ["turns it on with the code of an app, and keeps eight codes on paper", async () => {
        await page.locator('form[action="/account/second-factor/new"] button').click();
        await user.look("second-factor");
        await page.locator('input[name="code"]').fill("000000");
        await page.locator('form[action="/account/second-factor"] button').click();
        assert.match(await page.locator(".field p.wrong").innerText(), /không đúng/);
        await page.goto("/account");
        paper = await enrol(page);
        // The journeys that follow come in by codes that this one leaves.
        world.paper = paper.slice(3);
        assert.equal(new Set(paper).size, 8);
        await user.look("paper-codes");
      }],
      ["tries a form out: questions appear, numbers are computed, and nothing is stored", async () => {
        await page.goto("/admin/forms");
        assert.ok((await page.locator("main tbody tr").count()) >= 2);
        await user.look("forms");
        await user.follow(page.locator('main tbody a[href*="2024.1"]').first());
        await page.locator('select[name="class"]').selectOption("C");
        await page.locator('input[name="height"]').fill("160");
        await page.locator('input[name="weight"]').fill("64");
        await page.locator('input[name="hx-heart"][value="true"]').check();
        // Without a button: the draft comes back by itself, with what belongs to the answer.
        await page.locator('input[name="hx-name~0"]').waitFor();
        await page.locator("#q-bmi", { hasText: "25" }).waitFor();
        await user.look("form-preview");
        await page.locator('button[name="do"][value="check"]').click();
        assert.ok((await page.locator(".errors li").count()) > 10);
        assert.equal(await page.locator('input[name="height"]').inputValue(), "160", "nothing typed is lost");
        await user.look("form-preview-wrong");
        await page.locator('button[name="do"][value="read"]').click();
        assert.match(await page.locator("main").innerText(), /Chiều cao\s+160 cm/);
        await user.look("form-read");
      }],
      ["a file with flaws is refused place by place; a good one is kept, retired, and used again", async () => {
        const file = (body) => ({ name: "f.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(body)) });
        const form = { resourceType: "Questionnaire", url: "urn:x:hoi", version: "1", title: "Phiếu hỏi thử", status: "active", item: [{ linkId: "a", type: "choice", text: "Màu?" }] };
        const send = async (body) => {
          await page.goto("/admin/forms");
          await page.locator('input[name="file"]').setInputFiles(file(body));
          await page.locator('form[action="/admin/forms"] button').click();
        };
        await send(form);
        assert.match(await page.locator("main").innerText(), /item `a`[\s\S]*a choice needs/);
        await user.look("form-refused");
        form.item[0].answerOption = [{ valueString: "đỏ" }, { valueString: "xanh" }];
        await send(form);
        await page.waitForURL(/done=added/);
        await send({ ...form, title: "Khác" });
        assert.match(await page.locator(".notice.bad").innerText(), /số phiên bản mới/);
        const row = () => page.locator("main tbody tr", { hasText: "Phiếu hỏi thử" });
        for (const [word, after] of [["Ngừng dùng", "đã ngừng"], ["Dùng lại", "đang dùng"]]) {
          await page.goto("/admin/forms");
          const asks = row().locator("details > summary");
          if (await asks.count()) await asks.click();
          await row().locator('form[action="/admin/forms/status"] button', { hasText: word }).last().click();
          await page.waitForURL(/done=changed/);
          assert.match(await row().innerText(), new RegExp(after));
        }
      }],
      ["registers a facility's rules of signing and sees who may sign with what", async () => {
        await page.goto("/admin/signatures");
        assert.match(await page.locator("main").innerText(), /01\/QĐ-MẪU[\s\S]*CA mẫu/);
        await user.look("signatures");
        const form = page.locator('form[action="/admin/signatures/policy"]');
        await form.locator('input[name="facility"]').fill("99999");
        await form.locator('input[name="document"]').fill("02/QĐ-SYT, 01/11/2026");
        await form.locator("button").click();
        assert.match(await page.locator(".errors").innerText(), /Không có cơ sở này/);
        await form.locator('input[name="facility"]').fill(world.server.account("head").facility);
        await form.locator("button").click();
        await page.waitForURL(/done=policy/);
        assert.match(await page.locator("main").innerText(), /02\/QĐ-SYT/);
        await user.follow(page.locator('main a[href="/admin/signatures/signer"]'));
        await page.locator('input[name="facility"]').fill(world.server.account("head").facility);
        await page.locator('input[name="account"]').fill("operator");
        await page.locator('input[name="licence"]').fill("000001/HUE-CCHN");
        await page.locator('input[name="to"]').fill("2099-12-31");
        await page.locator('textarea[name="chain"]').fill("không phải chứng thư");
        await page.locator('form[action="/admin/signatures/signer"] button').click();
        assert.match(await page.locator(".errors").innerText(), /PEM[\s\S]*tài khoản|tài khoản[\s\S]*PEM/);
        await user.look("signer-refused");
      }],
      ["makes an account, and is told its code once", async () => {
        await page.goto("/admin/accounts");
        await user.look("accounts");
        await user.follow(page.locator('main a[href="/admin/accounts/new"]'));
        await page.locator('input[name="name"]').fill("Bs Thu");
        await page.locator('input[name="display"]').fill("Đỗ Thị Thu");
        assert.equal(await page.locator('select[name="role"]').inputValue(), "", "nobody gets a role that nobody chose");
        await page.locator('select[name="role"]').selectOption("clinician");
        await page.locator("main form button.primary").click();
        assert.ok((await page.locator(".field.wrong").count()) >= 2, "name and facility are wrong");
        await user.look("account-new-wrong");
        await page.locator('input[name="name"]').fill(doctor.name);
        await page.locator('input[name="facility"]').fill(server.account("clinician").facility);
        // Two clicks make one account, and the code that nobody sees again stays on the screen.
        await page.locator("main form button.primary").dblclick();
        doctor.code = await shownCode();
        assert.match(doctor.code, /^[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}$/);
        await user.look("account-made");
      }],
      ["a lost code is given anew while nobody has opened the account; the old one is worth nothing", async () => {
        await page.goto("/admin/accounts");
        await user.follow(page.locator('main tr:has-text("Đỗ Thị Thu") a'));
        await user.look("account-unopened");
        await page.locator('details.confirm:has(form[action$="/invite"]) summary').click();
        await page.locator('form[action$="/invite"] button[type="submit"]').click();
        const again = await shownCode();
        const thu = await User.arrive(world);
        await thu.page.goto("/recover");
        await thu.page.locator('input[name="username"]').fill(doctor.name);
        await thu.page.locator('input[name="code"]').fill(doctor.code);
        await thu.page.locator('input[name="password"]').fill(doctor.password);
        await thu.page.locator('form[action="/recover"] button').click();
        assert.doesNotMatch(thu.page.url(), /out=recovered/);
        await thu.leave();
        doctor.code = again;
      }],
      ["its owner opens it with the code, once, and works", async () => {
        const thu = await other();
        for (const works of [true, false]) {
          await thu.page.goto("/recover");
          await thu.page.locator('input[name="username"]').fill(doctor.name);
          await thu.page.locator('input[name="code"]').fill(doctor.code.toLowerCase());
          await thu.page.locator('input[name="password"]').fill(doctor.password);
          await thu.page.locator('form[action="/recover"] button').click();
          assert.equal(/\/sign-in\?out=recovered/.test(thu.page.url()), works);
        }
        await thu.look("recover");
        await thu.signIn(doctor);
        await thu.page.waitForURL(/\/people/);
      }],
      ["a locked screen hides the page, keeps what was typed, and opens with the password only", async () => {
        const thu = others[0];
        // A tab that is open beside it hides its page with it, and opens with it.
        const tab = await thu.context.newPage();
        await tab.goto("/people");
        await thu.page.locator('main input[name="q"]').first().fill("nguyễn đang gõ");
        await thu.page.locator("details.user > summary").click();
        await thu.page.locator('form[action="/lock"] button').click();
        const lock = thu.page.locator("dialog[data-lock]");
        await lock.waitFor();
        await thu.look("locked");
        // The server holds the lock: another window of the same session is closed too.
        const beside = await thu.context.newPage();
        await beside.goto("/people");
        assert.match(beside.url(), /\/prove\?next=/);
        await beside.close();
        await tab.locator("dialog[data-lock]").waitFor();
        await thu.page.keyboard.press("Escape");
        assert.ok(await lock.isVisible(), "Escape does not open it");
        await lock.locator("input").fill("sai");
        await lock.locator("button").click();
        await lock.locator(".wrong").waitFor();
        await lock.locator("input").fill(doctor.password);
        await lock.locator("button").click();
        await lock.waitFor({ state: "hidden" });
        await tab.locator("dialog[data-lock]").waitFor({ state: "hidden" });
        await tab.close();
        assert.equal(await thu.page.locator('main input[name="q"]').first().inputValue(), "nguyễn đang gõ");
        await thu.page.goto("/people");
        assert.match(thu.page.url(), /\/people/);
        // The wrong password was answered 403, on purpose.
        thu.complaints.length = 0;
      }],
      ["one administrator asks that somebody may get back in, and cannot allow it alone", async () => {
        await page.goto("/admin/accounts");
        await user.follow(page.locator('main tr:has-text("Đỗ Thị Thu") a'));
        await user.look("account-one");
        await page.locator('details.confirm:has(form[action$="/recovery"]) summary').click();
        await page.locator('form[action$="/recovery"] button[type="submit"]').click();
        await page.waitForURL(/done=asked/);
        assert.equal(await page.locator('form[action^="/admin/recoveries/"]').count(), 0);
        await user.look("recovery-waits");
      }],
      ["another allows it; the code opens the account, and the old password no longer does", async () => {
        const second = await other();
        await second.signIn(admins[1]);
        await second.page.waitForURL(/need=factor/);
        world.paper2.push(...(await enrol(second.page)));
        await second.page.goto("/admin/accounts");
        await second.look("recovery-allow");
        await second.page.locator("details.confirm summary").first().click();
        await second.page.locator('form[action^="/admin/recoveries/"] button[type="submit"]').first().click();
        const code = await second.page.locator(".codes code").first().innerText();
        const thu = others[0];
        await thu.page.goto("/recover");
        await thu.page.locator('input[name="username"]').fill(doctor.name);
        await thu.page.locator('input[name="code"]').fill(code);
        await thu.page.locator('input[name="password"]').fill("một câu khác hẳn câu trước");
        await thu.page.locator('form[action="/recover"] button').click();
        await thu.page.waitForURL(/recovered/);
        await thu.signIn(doctor);
        assert.match(thu.page.url(), /\/sign-in/);
        await thu.signIn({ ...doctor, password: "một câu khác hẳn câu trước" });
        await thu.page.waitForURL(/\/people/);
      }],
      ["closing an account ends its sessions at once", async () => {
        await page.goto("/admin/accounts");
        await user.follow(page.locator('main tr:has-text("Đỗ Thị Thu") a'));
        await page.locator('select[name="closed"]').selectOption("closed");
        await page.locator("main form button.primary").click();
        await page.waitForURL(/done=changed/);
        await others[0].page.goto("/people");
        assert.match(others[0].page.url(), /\/sign-in/);
      }],
      ["with a second factor the password alone opens nothing; a code on paper works once", async () => {
        await user.signOut();
        await user.signIn(admins[0]);
        await page.waitForURL(/\/sign-in\/code/);
        await user.look("sign-in-code");
        await page.goto("/admin/accounts");
        assert.match(user.path(), /^\/sign-in\?/);
        for (const works of [true, false]) {
          await user.signIn(admins[0]);
          await page.waitForURL(/\/sign-in\/code/);
          await page.locator('input[name="code"]').fill(paper[0]);
          await page.locator('form[action="/sign-in/code"] button').click();
          assert.equal(user.path() === "/admin/accounts", works);
          if (works) await user.signOut();
        }
        for (const left of others) await left.leave();
      }],
      ["the same pages on a phone", async () => {
        await user.signIn(admins[0]);
        await page.waitForURL(/\/sign-in\/code/);
        await page.locator('input[name="code"]').fill(paper[1]);
        await page.locator('form[action="/sign-in/code"] button').click();
        await page.setViewportSize({ width: 390, height: 844 });
        user.screen = { name: "phone", width: 390, height: 844 };
        for (const [path, name] of [["/account", "account"], ["/admin/accounts", "accounts"], ["/admin/accounts/new", "account-new"], ["/admin/signatures", "signatures"], ["/admin/signatures/signer", "signer"]]) {
          await user.open(path);
          await user.look(name);
        }
      }],
    ];
  });
};

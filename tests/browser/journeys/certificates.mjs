// A driver is received, examined by six doctors, concluded, signed twice, printed, sent, checked from the paper's QR on a phone and
// by its signatures, then revoked and seen as revoked.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { User, journey } from "../lib/browser.mjs";
import { pictured, visited } from "./verify.mjs";
import { FingerReader } from "../lib/desktop.mjs";
import { out, program, root } from "../lib/paths.mjs";

const CARD = "046085777001|191777001|Phan Văn Lái|09031985|Nam|Phường Thuận Hóa, thành phố Huế|01012022";

/** What each doctor finds: radio buttons and lists by value, fields by text. */
const PARTS = {
  applicant: { purpose: "renew" },
  history: { ...Object.fromEntries(["heart", "stroke", "head-injury", "epilepsy", "psychiatric", "diabetes", "eye", "ear", "lung", "apnea", "limb", "alcohol", "drug"].map((k) => [`hx-${k}`, "false"])), "hx-true": "true" },
  general: { height: "170", weight: "68" },
  mental: { "mental-acute": "none", "mental-chronic": "none", "mental-meets": "meets" },
  nervous: { "nervous-epilepsy": "none", "nervous-paralysis": "none", "nervous-vertigo": "false", "nervous-meets": "meets" },
  eye: { "eye-right-without": "10", "eye-left-without": "9", "eye-both-without": "10", "eye-field-horizontal": "1", "eye-field-vertical": "1", "eye-colour": "1", "eye-meets": "meets" },
  ent: { "ent-voice-right": "5", "ent-voice-left": "5", "ent-whisper-right": "5", "ent-whisper-left": "0,5", "ent-meets": "meets" },
  cardio: { pulse: "74", systolic: "125", diastolic: "80", "cardio-rhythm": "none", "cardio-meets": "meets" },
  respiratory: { "respiratory-dyspnoea": "none", "respiratory-meets": "meets" },
  musculoskeletal: { "limb-loss": "none", "musculoskeletal-meets": "meets" },
  endocrine: { "endocrine-coma": "false", "endocrine-meets": "meets" },
  tests: { "drug-morphine": "0", "drug-amphetamine": "0", "drug-methamphetamine": "0", "drug-marijuana": "0", alcohol: "0" },
};
/** Six doctors and what each examines. */
const DOCTORS = [["applicant", "history", "general"], ["mental", "nervous"], ["eye"], ["ent", "respiratory"], ["cardio", "endocrine"], ["musculoskeletal", "tests"]];

export async function fill(page, answers) {
  for (const [name, value] of Object.entries(answers)) {
    const field = page.locator(`[name="${name}"]`).first();
    const kind = await field.evaluate((e) => (e instanceof HTMLSelectElement ? "select" : e.type));
    if (kind === "select") await field.selectOption(value);
    else if (kind === "radio") await page.locator(`[name="${name}"][value="${value}"]`).check();
    else await field.fill(value);
  }
}

/** The driver signs by hand under what they declared. */
async function draw(page) {
  const pad = page.locator('[data-draw="signature"] canvas');
  await pad.scrollIntoViewIfNeeded();
  const box = await pad.boundingBox();
  await page.mouse.move(box.x + 20, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + 10);
  await page.mouse.move(box.x + box.width - 20, box.y + box.height / 2);
  await page.mouse.up();
  assert.match(await page.locator('input[name="hx-signature"][data-drawn]').inputValue(), /^data:image\/png;base64,/);
}

export default (world) => {
  const { server } = world;
  const doctors = server.accounts().filter((a) => a.role === "clinician");
  let home = "", code = "", file = "";
  const reader = new FingerReader();
  /** What the QR codes of a PDF say, as a phone's camera reads them. */
  const scanned = (pdf) => {
    const prefix = `${code}-page`;
    execFileSync("pdftoppm", ["-r", "150", "-png", pdf, join(out, prefix)]);
    const pages = readdirSync(out).filter((name) => name.startsWith(prefix)).map((name) => join(out, name));
    const read = spawnSync("zbarimg", ["--quiet", "--raw", ...pages], { encoding: "utf8" });
    return read.stdout.trim().split("\n").filter(Boolean);
  };
  /** The picture of the page that has the code. */
  const printed = () => {
    const pages = readdirSync(out).filter((name) => name.startsWith(`${code}-page`)).map((name) => join(out, name));
    return pages.find((page) => spawnSync("zbarimg", ["--quiet", page]).status === 0);
  };
  /** Anybody hands a file in at /verify. */
  const verified = async (page) => {
    await page.goto("/verify");
    await page.locator('input[name="file"]').setInputFiles(file);
    await page.locator('main form[action="/verify"] button[type="submit"]').click();
    await page.locator(".notice").first().waitFor();
    return page.locator("main").innerText();
  };
  return journey(world, "certificates", { insecure: true }, (user) => {
    const { page } = user;
    const others = [];
    const other = async (account) => {
      const arrived = await User.arrive(world);
      others.push(arrived);
      if (account) await arrived.signIn(account);
      return arrived;
    };
    const examine = async (who, parts) => {
      for (const part of parts) {
        await who.page.goto(`${home}/part/${part}`);
        await fill(who.page, PARTS[part]);
        if (part === "history") await draw(who.page);
        await who.page.locator('button[value="finish"]').click();
        await who.page.waitForURL(/done=part/);
      }
    };
    return [
      ["reception scans the card, chooses the class, and the driver is in the queue", async () => {
        await user.signIn(doctors[0]);
        await page.goto("/certificates");
        await user.look("certificates");
        await user.follow(page.locator('main a[href="/certificates/new"]'));
        await page.locator('input[name="qr"]').fill("không phải thẻ");
        await page.keyboard.press("Enter");
        await page.locator(".notice.bad").waitFor();
        await page.locator('input[name="qr"]').fill(CARD);
        await page.keyboard.press("Enter");
        await page.locator(".notice.good").waitFor();
        assert.equal(await page.locator('input[name="name"]').inputValue(), "Phan Văn Lái");
        await page.locator('button[value="receive"]').click();
        assert.equal(await page.locator('select[name="class"]:invalid').count(), 1, "the class is wanted");
        await page.locator('select[name="class"]').selectOption("C");
        await page.locator('input#phone').fill("0912345678");
        await user.look("certificate-reception");
        await page.locator('button[value="receive"]').click();
        await page.waitForURL(/\/certificates\/case\/[A-Z2-9]{12}$/);
        home = new URL(page.url()).pathname;
        code = home.split("/").at(-1);
        await user.look("certificate-case");
      }],
      ["six doctors examine, each at an own screen; nothing typed is lost and what is missing is told", async () => {
        await page.goto(`${home}/part/eye`);
        await page.locator('input[name="eye-right-without"]').fill("mười");
        await page.locator('button[value="finish"]').click();
        assert.ok((await page.locator(".errors li").count()) >= 5);
        assert.equal(await page.locator('input[name="eye-right-without"]').inputValue(), "mười");
        await user.look("certificate-part-wrong");
        assert.ok(doctors.length >= 6, "six doctors");
        for (const [n, parts] of DOCTORS.entries()) {
          const who = n === 0 ? user : await other(doctors[n]);
          await examine(who, parts);
        }
        await page.goto(home);
        assert.match(await page.locator("main").innerText(), /Không có điểm nào trái tiêu chuẩn/);
        assert.match(await page.locator("main").innerText(), /Ký tay trên màn hình lúc .*SHA-256 của nét ký: [0-9a-f]{64}/);
        await user.look("certificate-examined");
      }],
      ["the driver confirms the declaration once more, by a code on their telephone; a wrong one is told", async () => {
        await user.follow(page.locator('main a[href$="/declare"]'));
        await user.look("certificate-declare");
        const before = server.messages().length;
        await page.locator('form:has(input[name="do"][value="send"]) button').click();
        await page.locator('input[name="code"]').waitFor();
        const sent = await server.message(before);
        const [, secret] = /ma (\d{6}) xac nhan/.exec(sent);
        const digits = /khai suc khoe ([0-9a-f]{8})/.exec(sent)[1];
        assert.ok((await page.locator("main").innerText()).includes(digits), "page and message name the same paper");
        await page.locator('input[name="code"]').fill(secret === "111111" ? "222222" : "111111");
        await page.locator('button[value="code"]').click();
        assert.match(await page.locator(".field p.wrong").innerText(), /Còn 4 lần thử/);
        await user.look("certificate-declare-wrong");
        await page.locator('input[name="code"]').fill(secret);
        await page.locator('button[value="code"]').click();
        await page.waitForURL(/done=declared/);
        assert.match(await page.locator("main").innerText(), /Xác nhận bằng mã gửi tới điện thoại lúc/);
      }],
      ["and by a finger: the reader is not there, refuses, and states", async () => {
        const home = new URL(page.url()).pathname;
        mkdirSync(join(server.data, "signing/readers"), { recursive: true });
        writeFileSync(join(server.data, "signing/readers/1.pem"), reader.certificate());
        await page.goto(`${home}/declare`);
        const press = async (wanted) => {
          await page.locator("form[data-reader] button").click();
          await page.locator("form[data-reader] [role=status]", { hasText: wanted }).waitFor();
        };
        await press(/Không gặp được máy đọc/);
        user.complaints.length = 0;
        await reader.start();
        reader.fault = "refuses";
        await press(/chưa xác nhận được/);
        await user.look("certificate-reader");
        reader.fault = "template";
        await page.locator("form[data-reader] button").click();
        await page.locator(".notice.bad", { hasText: /không được chấp nhận/ }).waitFor();
        reader.fault = "";
        await page.locator("form[data-reader] button").click();
        await page.waitForURL(/done=declared/);
        assert.match(await page.locator("main").innerText(), /Xác nhận bằng vân tay/);
        await reader.stop();
      }],
      ["a conclusion against the standard needs its reason; the doctor concludes and signs", async () => {
        await page.goto(`${home}/part/conclusion`);
        await fill(page, { "conclusion-result": "A0-2" });
        await page.locator('[name="conclusion-reason"]').waitFor();
        await fill(page, { "conclusion-reason": "Nhầm tay" });
        await page.locator('button[value="finish"]').click();
        assert.match(await page.locator(".notice.bad").innerText(), /ghi lý do/);
        await fill(page, { "conclusion-result": "A0-1" });
        await page.locator('[name="conclusion-reason"]').waitFor({ state: "hidden" });
        await user.look("certificate-conclusion");
        await page.locator('button[value="finish"]').click();
        await page.waitForURL(/done=concluded/);
        assert.equal(await page.locator('form[action$="/sign"]').count(), 0, "who concluded does not sign for the head");
      }],
      ["the head signs; the certificate has its number and is sent", async () => {
        const head = await other(server.account("head"));
        await head.page.goto("/certificates/sign");
        assert.equal(await head.page.locator('input[name="code"]:checked').count(), 0, "nothing is chosen for the head");
        await head.page.locator(`input[name="code"][value^="${code}~"]`).check();
        await head.look("certificate-batch");
        await head.page.locator('form[action="/certificates/sign"] button').click();
        await head.page.waitForURL(/done=sign&signed=1&waiting=0&refused=0/);
        await head.page.goto(home);
        for (let n = 0; !/đã nhận/.test(await head.page.locator("main").innerText()); n += 1) {
          assert.ok(n < 100, "the gateway has it");
          await head.page.reload();
        }
        assert.match(await head.page.locator("main").innerText(), /\d{5}\/GKSKLX\//);
      }],
      ["the paper is printed; its QR opens the check on a phone, signed in or not", async () => {
        await page.goto(`${home}/paper`);
        await user.look("certificate-paper");
        const pdf = await page.context().request.get(`${home}/certificate.pdf`);
        assert.match(pdf.headers()["content-type"], /^application\/pdf/);
        assert.equal((await pdf.body()).subarray(0, 5).toString(), "%PDF-");
        const bytes = await pdf.body();
        assert.equal(bytes.toString("latin1").split("/ByteRange").length - 1, 2, "two signatures");
        file = join(out, `${code}.pdf`);
        writeFileSync(file, bytes);
        const href = await page.locator(".paper .qr a").getAttribute("href");
        const [qr, ...more] = scanned(file);
        assert.deepEqual([qr.split("#")[0], more], [href, []], "the PDF's code and the page's say the same");
        assert.match(qr, new RegExp(`/certificates/check\\?code=${code}#hc1=[A-Za-z0-9_-]+$`), "and the paper's words, signed");
        const phone = await other();
        await phone.page.goto(qr);
        assert.match(await phone.page.locator(".notice.good").innerText(), /Giấy có thật và còn giá trị/);
        const text = await phone.page.locator("main").innerText();
        assert.match(text, /Phan Văn Lái/);
        assert.ok(!text.includes("046085777001"), "no more than the paper needs");
        await phone.look("certificate-check");
        await phone.page.goto("/certificates/check?code=AAAAAAAAAAAA");
        assert.match(await phone.page.locator(".notice.bad").innerText(), /Không có giấy nào/);
        const said = await verified(phone.page);
        for (const wanted of ["Chữ ký đúng", "Giấy do hệ thống này cấp", "Chữ ký của người được khám", "xác nhận bằng vân tay", doctors[0].display, server.account("head").display, "CA mẫu"]) {
          assert.ok(said.includes(wanted), `${wanted}: ${said}`);
        }
        await phone.look("certificate-verified");
        const offline = spawnSync(program, ["verify", file, "--trust", join(server.data, "trust")], { encoding: "utf8" });
        assert.equal(offline.status, 0, offline.stdout + offline.stderr);
        assert.ok(offline.stdout.includes(doctors[0].display), offline.stdout);
        // A picture of the printed paper, where there is no network.
        await visited(phone.page);
        await phone.context.setOffline(true);
        await phone.page.goto("/verify");
        const read = await pictured(phone.page, printed());
        assert.match(read, /Chữ ký đúng[\s\S]*PHAN VĂN LÁI/i);
        await phone.look("certificate-offline");
        await phone.context.setOffline(false);
      }],
      ["revoked with its reason, it is seen as revoked by everybody", async () => {
        await page.goto(home);
        assert.equal(await page.locator('form[action$="/revoke"]').count(), 0, "the head revokes");
        const head = others.at(-2);
        await head.page.goto(home);
        await head.look("certificate-issued");
        await head.page.locator('form[action$="/revoke"] input').fill("Cấp nhầm người");
        await head.page.locator('form[action$="/revoke"] button').click();
        await head.page.waitForURL(/done=revoke/);
        await head.look("certificate-revoked");
        const phone = others.at(-1);
        await phone.page.goto(`/certificates/check?code=${code}`);
        assert.match(await phone.page.locator(".notice.bad").innerText(), /thu hồi/);
        await phone.look("certificate-check-revoked");
        await visited(phone.page);
        await phone.context.setOffline(true);
        await phone.page.goto("/verify");
        assert.match(await pictured(phone.page, printed()), /Giấy đã bị thu hồi từ/);
        assert.equal(await phone.page.locator("#answer .notice.good").count(), 0);
        await phone.context.setOffline(false);
        assert.match(await verified(phone.page), /Giấy đã bị thu hồi từ/);
        await phone.look("certificate-verified-revoked");
        const offline = spawnSync(program, ["verify", file, "--trust", join(server.data, "trust")], { encoding: "utf8" });
        assert.equal(offline.status, 2, offline.stdout);
        assert.match(offline.stdout, /thu hồi/);
        await page.goto("/certificates/statistics?by=class");
        assert.match(await page.locator("tbody").innerText(), /C\s+/);
        await user.look("certificate-statistics");
      }],
      ["a hospital's program sends a finished examination by its key, as the sample client does; the same again is told", async () => {
        const made = execFileSync(program, ["--data", server.data, "key", "new", "--facility", server.account("operator").facility, "--name", "HIS"], { encoding: "utf8" });
        const env = { ...process.env, MACH_KEY: /mach_[0-9a-f]+/.exec(made)[0] };
        const client = (...args) => spawnSync("python3", [join(root, "docs/samples/certificates.py"), server.url, ...args], { encoding: "utf8", env });
        const exam = JSON.parse(readFileSync(join(root, "docs/samples/exam.json"), "utf8"));
        const own = join(out, `exam-${world.screen.name}.json`);
        exam.person.number = { desktop: "046087770021", phone: "046087770022" }[world.screen.name];
        writeFileSync(own, JSON.stringify(exam));
        const sent = client("send", own);
        assert.equal(sent.status, 0, sent.stderr);
        const [, theirs] = /^([A-Z2-9]{12}) .* concluded C A0-1 Trần Văn Mẫu/.exec(sent.stdout);
        assert.match(client("show", theirs).stdout, new RegExp(`^${theirs} `));
        const again = client("send", own);
        assert.deepEqual([again.status, again.stderr.slice(0, 3), again.stderr.includes(theirs)], [1, "409", true], again.stderr);
        exam.answers["eye-colour"] = "tím";
        exam.person.number = "046087770029";
        writeFileSync(own, JSON.stringify(exam));
        const wrong = client("send", own);
        assert.ok(wrong.status === 1 && wrong.stderr.startsWith("422") && wrong.stderr.includes("eye-colour"), wrong.stderr);
        const agency = client("look-up", "046085777001", "kiểm tra giấy phép");
        assert.equal(agency.stderr.slice(0, 3), "403", "a hospital is no agency");
        for (const who of others) await who.leave();
      }],
    ];
  });
};

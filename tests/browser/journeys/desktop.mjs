// The head's key is in a token of their own machine, with the state's desktop signer: registered, asked for, refused, cancelled, cheated,
// and at last signed, and what was signed is verified by anybody.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "../lib/api.mjs";
import { User, journey } from "../lib/browser.mjs";
import { Desktop, Token } from "../lib/desktop.mjs";
import { out } from "../lib/paths.mjs";
import { enrol } from "./accounts.mjs";

const FOUND = `purpose=new height=165 weight=60 mental-acute=none mental-chronic=none nervous-epilepsy=none nervous-paralysis=none
  nervous-vertigo=false eye-right-without=10 eye-left-without=10 eye-both-without=10 eye-field-horizontal=1 eye-field-vertical=1 eye-colour=1
  ent-voice-right=5 ent-voice-left=5 ent-whisper-right=5 ent-whisper-left=5 pulse=72 systolic=120 diastolic=78 cardio-rhythm=none
  respiratory-dyspnoea=none limb-loss=none endocrine-coma=false drug-morphine=0 drug-amphetamine=0 drug-methamphetamine=0 drug-marijuana=0
  mental-meets=meets nervous-meets=meets eye-meets=meets ent-meets=meets cardio-meets=meets respiratory-meets=meets
  musculoskeletal-meets=meets endocrine-meets=meets hx-true=true conclusion-result=A0-1 hx-heart=false hx-stroke=false hx-head-injury=false
  hx-epilepsy=false hx-psychiatric=false hx-diabetes=false hx-eye=false hx-ear=false hx-lung=false hx-apnea=false hx-limb=false
  hx-alcohol=false hx-drug=false`;
const PEOPLE = { desktop: ["046087770001", "046087770002"], phone: ["046087770003", "046087770004"] };

export default (world) => {
  const { server, screen } = world;
  const owner = server.account("head");
  let token, tool, codes = [];
  return journey(world, "desktop signer", {}, (user) => {
    const { page } = user;
    let head;
    /** Presses the button of one paper; gives what the page says of it in the end. */
    const press = async (code, wanted) => {
      const row = head.page.locator(`[data-sign="countersign/${code}"]`);
      await row.locator("button").click();
      await row.locator("[role=status]", { hasText: wanted }).waitFor();
      return row;
    };
    return [
      ["an administrator registers the certificate of the head's token", async () => {
        token = new Token(server.data, "Bui Quang Truong");
        tool = new Desktop(token);
        await user.signIn(server.accounts().filter((a) => a.role === "administrator")[1]);
        await page.waitForURL(/\/sign-in\/code|need=factor/);
        if (page.url().includes("need=factor")) {
          world.paper2.push(...(await enrol(page)));
        } else {
          await page.locator('input[name="code"]').fill(world.paper2.shift());
          await page.locator('form[action="/sign-in/code"] button').click();
          await page.waitForURL(/\/admin\//);
        }
        await user.open("/admin/signatures/signer");
        await page.locator('input[name="facility"]').fill(owner.facility);
        await page.locator('select[name="act"]').selectOption("countersign");
        await page.locator('input[name="account"]').fill(owner.name);
        await page.locator('input[name="licence"]').fill("000001/HUE-CCHN");
        const year = new Date().getFullYear();
        await page.locator('input[name="to"]').fill(`${year + 1}-12-31`);
        await page.locator('select[name="provider"]').selectOption("vgca");
        await page.locator('[name="chain"]').fill(token.chain);
        await page.locator('form[action="/admin/signatures/signer"] button[type="submit"]').click();
        await page.waitForURL(/done=signer/);
        await user.look("desktop-registered");
      }],
      ["two certificates wait for the head; other pages may not speak to programs of the machine", async () => {
        const doctor = await new Client(server.url).signIn(server.account("clinician"));
        for (const [n, number] of PEOPLE[screen.name].entries()) {
          const answers = { ...Object.fromEntries(FOUND.split(/\s+/).map((f) => f.split("="))), alcohol: { value: 0, unit: "mg/L" } };
          const person = { number, name: `Lê Thị Ký ${n + 1}`, born: "1987-03-09", sex: "1" };
          const body = JSON.stringify({ person, class: "C", answers, doctor: "Bs. Nơi Khác" });
          const answer = await doctor.request("/api/certificates", { method: "POST", body, headers: { "content-type": "application/json" } });
          assert.equal(answer.status, 201, await answer.clone().text());
          codes.push((await answer.json()).code);
        }
        head = await User.arrive(world, { insecure: true });
        await head.signIn(owner);
        await head.page.goto("/certificates/sign");
        for (const code of codes) await head.page.locator(`input[name="code"][value^="${code}~"]`).check();
        await head.page.locator('form[action="/certificates/sign"] button').click();
        await head.page.waitForURL(/done=sign&signed=0&waiting=2&refused=0/);
        const refused = await head.page.evaluate(() => new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
          new WebSocket("wss://127.0.0.1:8987/SignApproved");
        }));
        assert.equal(refused, "connect-src");
        head.complaints.length = 0;
        await head.follow(head.page.locator('main a[href="/signing/desktop"]').first());
        assert.equal(await head.page.locator("[data-sign] button:visible").count(), 2);
        await head.look("desktop");
      }],
      ["the program does not run, its owner refuses, it brings another file: each is told, and the paper waits", async () => {
        await press(codes[0], /Không gặp được công cụ ký/);
        head.complaints.length = 0;
        await head.look("desktop-down");
        await tool.start();
        tool.fault = "refuses";
        await press(codes[0], /Công cụ báo chưa ký\. Người dùng hủy bỏ/);
        tool.fault = "other";
        tool.other = await (await head.page.context().request.get(`/certificates/case/${codes[1]}/certificate.pdf`)).body();
        await press(codes[0], /không phải tệp đã giao/);
        assert.deepEqual(tool.answers, [422]);
        await head.look("desktop-refused");
      }],
      ["it takes its time, then signs; brought twice it is taken once", async () => {
        tool.fault = "delays";
        const row = head.page.locator(`[data-sign="countersign/${codes[0]}"]`);
        await row.locator("button").click();
        await row.locator("[role=status]", { hasText: /Đang chờ công cụ ký/ }).waitFor();
        await head.look("desktop-waiting");
        while (!tool.go) await head.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
        tool.go();
        await row.locator("[role=status]", { hasText: /Đã ký và đã đối chiếu/ }).waitFor();
        tool.fault = "twice";
        await press(codes[1], /Đã ký và đã đối chiếu/);
        assert.deepEqual(tool.answers, [422, 200, 200, 404]);
        assert.equal(tool.broke, undefined);
        await head.look("desktop-signed");
      }],
      ["issued with the token's signature, as anybody verifies", async () => {
        for (const code of codes) {
          await head.page.goto(`/certificates/case/${code}`);
          assert.match(await head.page.locator("main").innerText(), /\d{5}\/GKSKLX\//);
          const pdf = await (await head.page.context().request.get(`/certificates/case/${code}/certificate.pdf`)).body();
          const file = join(out, `${code}.pdf`);
          writeFileSync(file, pdf);
          await head.page.goto("/verify");
          await head.page.locator('input[name="file"]').setInputFiles(file);
          await head.page.locator('main form[action="/verify"] button[type="submit"]').click();
          await head.page.locator(".notice").first().waitFor();
          const said = await head.page.locator("main").innerText();
          for (const wanted of ["Chữ ký đúng", "Bui Quang Truong", "CA token mau", "Giấy do hệ thống này cấp"]) assert.ok(said.includes(wanted), `${wanted}: ${said}`);
        }
        await head.page.goto("/signing/desktop");
        assert.equal(await head.page.locator("[data-sign]").count(), 0);
        await head.look("desktop-none");
        await tool.stop();
        token.clean();
        // The head signs with the key before that again.
        await page.goto("/admin/signatures");
        await page.locator('details.confirm:has(form[action="/admin/signatures/end"]) summary').first().click();
        await page.locator('form[action="/admin/signatures/end"] button').first().click();
        await page.waitForURL(/done=end/);
        await head.leave();
      }],
    ];
  });
};

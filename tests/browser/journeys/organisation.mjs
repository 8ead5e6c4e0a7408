// A facility is set up by hand, another from a spreadsheet; wrong ones are told where, and a change is taken back.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { journey } from "../lib/browser.mjs";
import { filled } from "../lib/sheet.mjs";

/** Twelve digits and their check digit. */
function gln(start) {
  const sum = [...start].reduce((all, d, n) => all + Number(d) * (n % 2 ? 3 : 1), 0);
  return start + String((10 - (sum % 10)) % 10);
}

export default (world) => {
  const { server, screen } = world;
  const small = screen.name === "phone";
  // Each size has facilities of its own: what one made is there when the other comes.
  const admin = server.account("administrator");
  const [byHand, byFile] = small ? ["46T03", "46T04"] : ["46T01", "46T02"];
  return journey(world, "organisation", {}, (user) => {
    const { page } = user;
    const field = (row, key) => page.locator(`[name="r${row}-${key}"]`);
    const next = () => page.locator('main button[name="do"][value="next"]').click();
    return [
      ["an administrator opens the list and finds a facility without accents", async () => {
        await user.signIn(admin);
        await page.waitForURL(/\/sign-in\/code/);
        await page.locator('input[name="code"]').fill(world.paper.shift());
        await page.locator('form[action="/sign-in/code"] button').click();
        await page.waitForURL(/\/admin\//);
        await page.goto("/admin/facilities?q=binh+dien");
        assert.match(await page.locator("main tbody").innerText(), /Bình Điền/);
        await user.look("facilities");
      }],
      ["begins one by hand; what is wrong is told beside its field, and kept", async () => {
        await page.goto("/admin/facilities/new");
        await user.look("facility-new");
        await page.locator('form[action="/admin/facilities/new"] button').click();
        await page.waitForURL(/\/facility$/);
        await field(0, "kind").selectOption("station");
        await field(0, "name").fill("Trạm y tế Thử Nghiệm");
        await field(0, "code").fill("46");
        await field(0, "commune").fill("không có");
        await next();
        assert.equal(await page.locator(".errors li").count(), 2);
        assert.equal(await field(0, "name").inputValue(), "Trạm y tế Thử Nghiệm");
        await user.look("facility-wrong");
        await field(0, "code").fill(byHand);
        await field(0, "gln").fill(gln("893000000000"));
        await field(0, "commune").fill("19789");
        await next();
        await page.waitForURL(/\/departments$/);
      }],
      ["its kind filled in departments and rooms; staff need a licence", async () => {
        assert.equal(await field(0, "code").inputValue(), "KB");
        await user.look("facility-departments");
        await next();
        await page.waitForURL(/\/rooms$/);
        await user.look("facility-rooms");
        await next();
        await page.waitForURL(/\/staff$/);
        await field(0, "name").fill("Lê Văn Tám");
        await field(0, "position").selectOption("doctor");
        await next();
        assert.ok((await page.locator(".errors li").count()) >= 1, "no licence");
        await field(0, "licence").fill("000123/H-GPHN");
        await field(0, "scope").fill("Khám bệnh đa khoa");
        await field(0, "from").fill("01/02/2020");
        await field(0, "account").fill(`bs.tam.${screen.name}`);
        await field(0, "role").selectOption("clinician");
        await user.look("facility-staff");
        await next();
        await page.waitForURL(/\/services$/);
        await field(0, "price").fill("36.500");
        await next();
        await page.waitForURL(/\/hours$/);
        await next();
      }],
      ["looks it over, confirms, and is shown the code of the account once", async () => {
        await page.waitForURL(/\/review$/);
        await user.look("facility-review");
        await page.locator('form[action$="/review"] button').click();
        assert.match(await page.locator(".big-code").innerText(), /^[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}$/);
        await user.look("facility-made");
        await page.goto(`/admin/facilities/${byHand}`);
        const text = await page.locator("main").innerText();
        for (const part of ["Lê Văn Tám", "36.500 đ", "T2-T6", "000123/H-GPHN"]) assert.ok(text.includes(part), part);
        await user.look("facility");
      }],
      ["changes its rooms and takes the change back", async () => {
        await page.goto(`/admin/facilities/${byHand}/edit/rooms`);
        await field(0, "name").fill("Phòng khám đổi tên");
        await page.locator('main button[name="do"][value="save"]').click();
        await page.waitForURL(/done=changed/);
        assert.match(await page.locator("main").innerText(), /Phòng khám đổi tên/);
        await page.locator('details.confirm:has(form[action$="/undo"]) summary').click();
        await page.locator('form[action$="/undo"] button[type="submit"]').click();
        await page.waitForURL(/done=undone/);
        assert.doesNotMatch(await page.locator("main #rooms").innerText(), /Phòng khám đổi tên/);
      }],
      ["what was typed while the screen was locked elsewhere goes through the door and is sent", async () => {
        await page.goto(`/admin/facilities/${byHand}/edit/rooms`);
        await field(0, "name").fill("Phòng khám sau khóa");
        await user.context.request.post("/lock", { headers: { accept: "application/json" } });
        await page.locator('main button[name="do"][value="save"]').click();
        await page.locator('form[action="/prove"] input[name="password"]').fill("sai");
        await user.look("prove-kept");
        await page.locator('form[action="/prove"] button').click();
        await page.locator('form[action="/prove"] input[name="password"]').fill(admin.password);
        await page.locator('form[action="/prove"] button').click();
        await user.look("proved");
        await page.locator('main form[action$="/edit/rooms"] button').click();
        await page.waitForURL(/done=changed/);
        assert.match(await page.locator("main #rooms").innerText(), /Phòng khám sau khóa/);
        // The door answers 401, on purpose.
        user.complaints.length = 0;
      }],
      ["saves rows and goes on with empty ones", async () => {
        await page.goto(`/admin/facilities/${byHand}/edit/services`);
        await field(0, "price").fill("40.000");
        await page.locator('main button[name="do"][value="more"]').click();
        await page.locator(".notice.good").waitFor();
        assert.match(await field(0, "price").inputValue(), /40\.?000/);
        await page.goto(`/admin/facilities/${byHand}`);
        assert.match(await page.locator("main #services").innerText(), /40\.000 đ/);
      }],
      ["gives it another code: a wrong one is told beside its field, and it is found by the new one", async () => {
        const form = page.locator('form[action$="/recode"]');
        const next = small ? "46N02" : "46N01";
        for (const [value, works] of [[byHand, false], [next, true]]) {
          await form.locator('select[name="system"]').selectOption("facility");
          await form.locator('input[name="value"]').fill(value);
          await form.locator('input[name="from"]').fill("2030-01-01");
          await form.locator("button").click();
          if (works) await page.waitForURL(/done=changed/);
          else assert.equal(await form.locator('input[name="value"]').inputValue(), value);
        }
        await page.goto(`/admin/facilities/${next}`);
        assert.equal(user.path(), `/admin/facilities/${byHand}`);
        user.complaints.length = 0;
      }],
      ["a wrong spreadsheet stores nothing and says where; the same put right makes a facility", async () => {
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.goto("/admin/facilities/template.xlsx").catch(() => {}),
        ]);
        const template = readFileSync(await download.path());
        const send = async (rows) => {
          await page.goto("/admin/facilities/new");
          const buffer = filled(template, rows);
          await page.locator('input[name="file"]').setInputFiles({ name: "co-so.xlsx", mimeType: "application/octet-stream", buffer });
          await page.locator('form[action="/admin/facilities/import"] button').click();
        };
        const rows = {
          1: [["Phòng khám đa khoa", "Phòng khám Bảng Tính", byFile, "", "19789", "2 Lê Lợi", "", "01/01/2026"]],
          2: [["KB", "Khoa Khám bệnh"]],
          3: [["P1", "Phòng 1", "SAI", "2"]],
          4: [["Trần Thị Chín", "Điều dưỡng", "77/H-GPHN", "Điều dưỡng", "01/03/2021", "", "KB", "T2-T6 07:00-16:30"]],
          5: [["KB01", "Khám bệnh", "45000", "01/01/2026"]],
          6: [["T2-T6", "07:00", "16:30"]],
        };
        await send(rows);
        assert.match(await page.locator("main").innerText(), /Phòng, giường[\s\S]*C2 · Mã khoa/);
        await user.look("facility-file-wrong");
        await page.goto(`/admin/facilities?q=bang+tinh`);
        assert.equal(await page.locator(`main a[href="/admin/facilities/${byFile}"]`).count(), 0, "nothing was stored");
        rows[3][0][2] = "KB";
        await send(rows);
        await page.waitForURL(new RegExp(`/admin/facilities/${byFile}\\?done=made`));
        assert.match(await page.locator("main").innerText(), /Trần Thị Chín[\s\S]*45\.000 đ/);
        await user.look("facility-from-file");
      }],
      ["ends a facility with its last day and a successor", async () => {
        await page.locator('input[name="last"]').fill("2030-12-31");
        await page.locator('input[name="successor"]').fill(byHand);
        await page.locator('form[action$="/close"] button').click();
        await page.waitForURL(/done=changed/);
        assert.match(await page.locator("main").innerText(), /Hoạt động đến 31\/12\/2030/);
      }],
      ["without a network a page says so, and the device keeps nothing of anybody", async () => {
        await page.evaluate(() => navigator.serviceWorker.ready);
        const kept = await page.evaluate(async () => {
          const all = await Promise.all((await caches.keys()).map(async (n) => (await caches.open(n)).keys()));
          return all.flat().map((r) => new URL(r.url).pathname);
        });
        assert.ok(kept.length >= 5 && kept.every((p) => p === "/offline" || p.startsWith("/assets/")), kept.join(" "));
        await user.context.setOffline(true);
        await page.goto("/admin/facilities");
        assert.match(await page.locator("main").innerText(), /Không có mạng/);
        await user.context.setOffline(false);
        await page.goto("/admin/facilities");
        assert.ok((await page.locator("main tbody tr").count()) > 1);
      }],
    ];
  });
};

// How long a new facility takes somebody who never did it: everything that is pressed and typed is counted, by hand and from the
// spreadsheet, and turned into minutes by times that were measured of people at keyboards (keystroke-level model, Card, Moran and
// Newell 1980; typing of somebody who is not a typist).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { journey } from "../lib/browser.mjs";
import { filled } from "../lib/sheet.mjs";

const SECONDS = { key: 0.5, field: 1.35 + 1.1, page: 4 };
/** The issue's: a new facility with rooms, staff, services, prices and hours. */
const MOST_MINUTES = 10;
const STAFF = [
  ["Lê Văn Tám", "doctor", "000223/H-GPHN", "Khám bệnh đa khoa", "01/02/2020"],
  ["Trần Thị Chín", "nurse", "000224/H-GPHN", "Điều dưỡng", "01/03/2021"],
  ["Nguyễn Thị Mười", "nurse", "000225/H-GPHN", "Điều dưỡng", "15/06/2019"],
  ["Phan Văn Sáu", "doctor", "000226/H-GPHN", "Khám bệnh đa khoa", "20/11/2018"],
];

class Count {
  pages = 0;
  fields = 0;
  keys = 0;
  began = Date.now();

  async fill(locator, text) {
    this.fields += 1;
    this.keys += text.length + 1;
    await locator.fill(text);
  }

  async choose(locator, value) {
    this.fields += 1;
    this.keys += 2;
    await locator.selectOption(value);
  }

  async press(locator) {
    this.pages += 1;
    await locator.click();
  }

  minutes() {
    return (this.pages * SECONDS.page + this.fields * SECONDS.field + this.keys * SECONDS.key) / 60;
  }

  say(what) {
    const machine = ((Date.now() - this.began) / 1000).toFixed(1);
    console.log(`     ${what}: ${this.pages} pages, ${this.fields} fields, ${this.keys} keys: about ${this.minutes().toFixed(1)} minutes (the program and browser: ${machine} s)`);
    assert.ok(this.minutes() < MOST_MINUTES, `${this.minutes()} minutes`);
  }
}

export default (world) =>
  journey(world, "onboarding", {}, (user) => {
    const { page } = user;
    const admin = user.server.account("administrator");
    const field = (row, key) => page.locator(`[name="r${row}-${key}"]`);
    const next = () => page.locator('main button[name="do"][value="next"]');
    return [
      ["a station by hand, with its staff, prices and hours", async () => {
        await user.signIn(admin);
        await page.waitForURL(/\/sign-in\/code/);
        await page.locator('input[name="code"]').fill(world.paper.shift());
        await page.locator('form[action="/sign-in/code"] button').click();
        await page.waitForURL(/\/admin\//);
        const count = new Count();
        await page.goto("/admin/facilities/new");
        count.pages += 1;
        await count.press(page.locator('form[action="/admin/facilities/new"] button'));
        await page.waitForURL(/\/facility$/);
        await count.choose(field(0, "kind"), "station");
        await count.fill(field(0, "name"), "Trạm y tế Vào Nhanh");
        await count.fill(field(0, "code"), "46T08");
        await count.fill(field(0, "commune"), "19789");
        await count.press(next());
        await page.waitForURL(/\/departments$/);
        await count.press(next());
        await page.waitForURL(/\/rooms$/);
        assert.ok((await field(0, "name").inputValue()) !== "", "the kind brings its rooms");
        await count.press(next());
        await page.waitForURL(/\/staff$/);
        for (const [n, [name, position, licence, scope, from]] of STAFF.entries()) {
          if ((await field(n, "name").count()) === 0) await count.press(page.locator('main button[name="do"][value="more"]'));
          await count.fill(field(n, "name"), name);
          await count.choose(field(n, "position"), position);
          for (const [key, text] of [["licence", licence], ["scope", scope], ["from", from]]) await count.fill(field(n, key), text);
        }
        await count.press(next());
        await page.waitForURL(/\/services$/);
        for (let n = 0; (await field(n, "name").count()) > 0; n += 1) {
          const price = field(n, "price");
          if ((await field(n, "name").inputValue()) !== "" && (await price.inputValue()) === "") await count.fill(price, "36.500");
        }
        await user.picture("onboarding-services");
        await count.press(next());
        await page.waitForURL(/\/hours$/);
        await count.press(next());
        await page.waitForURL(/\/review$/);
        await count.press(page.locator('form[action$="/review"] button'));
        await page.goto("/admin/facilities/46T08");
        const text = await page.locator("main").innerText();
        for (const part of [...STAFF.map(([name]) => name), "36.500 đ", "T2-T6"]) assert.ok(text.includes(part), part);
        count.say("a station by hand");
      }],
      ["the same from the spreadsheet", async () => {
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.goto("/admin/facilities/template.xlsx").catch(() => {}),
        ]);
        const template = readFileSync(await download.path());
        const rows = {
          1: [["Trạm y tế xã, phường", "Trạm y tế Bảng Nhanh", "46T09", "", "19789", "2 Lê Lợi", "", "01/01/2026"]],
          2: [["KB", "Khám bệnh"]],
          3: [["P1", "Phòng khám", "KB", "2"]],
          4: STAFF.map(([name, , licence, scope, from]) => [name, scope === "Điều dưỡng" ? "Điều dưỡng" : "Bác sĩ", licence.replace("2", "3"), scope, from, "", "KB"]),
          5: [["KB01", "Khám bệnh", "36500", "01/01/2026"]],
          6: [["T2-T6", "07:00", "16:30"]],
        };
        const count = new Count();
        const cells = Object.values(rows).flat(2).filter((cell) => cell !== "");
        count.fields = cells.length;
        count.keys = cells.reduce((sum, cell) => sum + cell.length + 1, 0);
        count.pages = 3;
        await page.goto("/admin/facilities/new");
        const buffer = filled(template, rows);
        await page.locator('input[name="file"]').setInputFiles({ name: "co-so.xlsx", mimeType: "application/octet-stream", buffer });
        await page.locator('form[action="/admin/facilities/import"] button').click();
        await page.waitForURL(/\/admin\/facilities\/46T09\?done=made/);
        count.say("the same from the spreadsheet");
      }],
      ["signing out", () => user.signOut()],
    ];
  });

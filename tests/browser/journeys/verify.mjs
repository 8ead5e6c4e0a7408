// `/verify` without a network: after one visit the page opens and checks QR codes by the signed list alone. Each code of the corpus
// is shown to the browser, the server and `mach verify`: all three say the same.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { User, journey } from "../lib/browser.mjs";
import { chromium as executablePath, out, program, root } from "../lib/paths.mjs";

const CORPUS = join(root, "tests/sign/corpus");
const codes = readFileSync(join(CORPUS, "codes.tsv"), "utf8").split("\n").filter(Boolean).map((line) => {
  const [name, found, ...text] = line.split("\t");
  return { name, found, text: text.join("\t").replaceAll("\\n", "\n") };
});
const SENTENCES = {
  good: "^ĐÚNG / VALID|Chữ ký đúng: nội dung còn nguyên vẹn",
  altered: "Nội dung mã đã bị sửa",
  other: "Mã do nơi khác phát hành",
  over: "Mã đã hết giá trị: đã quá ngày cuối",
  toCome: "Mã ghi một thời điểm phát hành chưa tới",
  withdrawn: "giấy đã bị cơ quan cấp thu hồi",
  bad: "Không được chấp nhận",
  paperRevoked: "Giấy đã bị thu hồi từ",
  paperReplaced: "Giấy đã được thay từ",
  unreadable: "Không kiểm tra được|NOT VALID: ",
};
const FINDINGS = Object.keys(SENTENCES).filter((f) => f !== "good" && !f.startsWith("paper"));

/** Says which finding a text tells, the gravest first. */
function finding(text) {
  const says = (name) => new RegExp(SENTENCES[name]).test(text);
  return ["paperRevoked", "paperReplaced", ...FINDINGS].find(says) ?? (says("good") ? "good" : `nothing known: ${text}`);
}

/** Opens `/verify` and waits until it can do without a network. */
export async function visited(page) {
  await page.goto("/verify");
  await page.locator("[data-ready]:not(:empty)").waitFor();
}

/** What the page says of a code typed into its field. */
async function typed(page, text) {
  await page.locator("#answer").evaluate((e) => e.replaceChildren());
  await page.locator('textarea[name="code"]').fill(text);
  await page.locator('main form[action="/verify"] button[type="submit"]').click();
  await page.locator("#answer .notice").first().waitFor();
  return page.locator("#answer").innerText();
}

/** What it says of a picture. */
export async function pictured(page, file) {
  await page.locator("#answer").evaluate((e) => e.replaceChildren());
  await page.locator('textarea[name="code"]').fill("");
  await page.locator('input[name="file"]').setInputFiles(file);
  await page.locator('main form[action="/verify"] button[type="submit"]').click();
  await page.locator("#answer .notice").first().waitFor();
  return page.locator("#answer").innerText();
}

const qr = () => import(pathToFileURL(join(root, "web/node_modules/qr/index.js")).href).then((m) => m.default);

/** A film of one picture: what a camera sees that is held before a code. */
async function film(text, file) {
  const modules = (await qr())(text, "raw", { border: 6 });
  const [width, height] = [640, 480];
  const scale = Math.floor(height / modules.length);
  const luma = Buffer.alloc(width * height, 235);
  modules.forEach((row, y) => row.forEach((dark, x) => {
    for (let dy = 0; dark && dy < scale; dy++) luma.fill(16, (y * scale + dy) * width + x * scale, (y * scale + dy) * width + (x + 1) * scale);
  }));
  const chroma = Buffer.alloc((width * height) / 2, 128);
  const frame = Buffer.concat([Buffer.from("FRAME\n"), luma, chroma]);
  writeFileSync(file, Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`), ...Array(10).fill(frame)]));
}

export default (world) => {
  const { server, screen } = world;
  const trust = (name) => join(server.data, "trust", name);
  const good = codes.find((c) => c.name === "a pass, ES256");
  const behind = codes.find((c) => c.name === "a paper behind an address");
  return journey(world, "verify", {}, (user) => {
    const { page, context } = user;
    const offline = (is) => context.setOffline(is);
    return [
      ["one visit keeps the page, its script and the signed list", async () => {
        for (const name of ["roots/corpus.pem", "signers/corpus.pem", "lists/corpus.crl", "revoked/corpus.jws"]) {
          mkdirSync(dirname(trust(name)), { recursive: true });
          copyFileSync(join(CORPUS, "trust", name), trust(name));
        }
        const ended = readFileSync(join(CORPUS, "trust/papers.tsv"), "utf8");
        rmSync(trust("papers.new"), { force: true });
        appendFileSync(trust("papers.tsv"), ended);
        await visited(page);
        assert.match(await page.locator("[data-list]").innerText(), /Danh sách lập lúc .* dùng được đến/);
        assert.match(await page.locator("[data-key]").innerText(), /^([0-9a-f]{4} ){15}[0-9a-f]{4}$/);
        const said = spawnSync(program, ["--data", server.data, "keys", "list"], { encoding: "utf8" });
        assert.equal(said.stdout.trim(), await page.locator("[data-key]").innerText(), said.stderr);
        await user.look("verify");
      }],
      ["with a network the server's answer is shown", async () => {
        for (const { name, found, text } of codes) assert.equal(finding(await typed(page, text)), found, `${name}, asked of the server`);
      }],
      ["without one it opens and says the same of each code, and by which list", async () => {
        await offline(true);
        await page.goto("/verify");
        assert.equal(await page.evaluate(() => fetch("/healthz").then(() => "there is a network", () => "none")), "none");
        for (const { name, found, text } of codes) {
          const said = await typed(page, text);
          assert.equal(finding(said), found, `${name}, without a network`);
          if (found !== "unreadable") assert.match(said, /Kết luận ngay trên máy này, không hỏi máy chủ, theo danh sách lập lúc/, name);
          if (found !== "good") assert.equal(await page.locator("#answer .notice.good").count(), 0, name);
        }
        await typed(page, good.text);
        assert.match(await page.locator("#answer").innerText(), /Ký mã QR mẫu[\s\S]*NGUYỄN THỊ HƯỜNG/);
        await user.look("verify-offline");
      }],
      ["the program says the same on the command line", async () => {
        const file = join(out, "code.txt");
        for (const { name, found, text } of codes) {
          writeFileSync(file, text);
          const said = spawnSync(program, ["verify", file, "--trust", join(CORPUS, "trust")], { encoding: "utf8" });
          const told = said.stdout.replace("SAI / NOT VALID\n", "");
          assert.equal(finding(told), found, `${name}: ${said.stdout}${said.stderr}`);
          assert.equal(said.status, found === "good" ? 0 : 2, name);
        }
      }],
      ["the address of a paper opens without a network, too", async () => {
        await page.goto(`/certificates/check?code=ABCD2345EFGH${behind.text.slice(behind.text.indexOf("#"))}`);
        await page.locator("#answer .notice.good").waitFor();
        assert.match(await page.locator("#answer").innerText(), /ĐỖ VĂN THỬ/);
      }],
      ["a picture of a code is read in the browser; one without a code is told", async () => {
        await page.goto("/verify");
        const gif = Buffer.from((await qr())(good.text, "gif", { scale: 4 }));
        const said = await pictured(page, { name: "qr.gif", mimeType: "image/gif", buffer: gif });
        assert.equal(finding(said), "good", said);
        const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><rect width="20" height="20"/></svg>';
        assert.match(await pictured(page, { name: "x.svg", mimeType: "image/svg+xml", buffer: Buffer.from(svg) }), /Không thấy mã QR/);
        const pdf = await pictured(page, { name: "x.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.7") });
        assert.match(pdf, /cần có mạng/);
      }],
      ["an old list, or a clock that is behind, calls nothing valid", async () => {
        await page.clock.setFixedTime(Date.now() + 7.1 * 86_400_000);
        await page.goto("/verify");
        let said = await typed(page, good.text);
        assert.match(said, /Danh sách trên máy này quá cũ/);
        assert.equal(await page.locator("#answer .notice.good").count(), 0);
        await user.look("verify-old");
        assert.equal(finding(await typed(page, codes.find((c) => c.found === "altered").text)), "altered");
        await page.clock.setFixedTime(Date.now() - 86_400_000);
        said = await typed(page, good.text);
        assert.match(said, /Đồng hồ của máy này chậm hơn/);
        assert.equal(await page.locator("#answer .notice.good").count(), 0);
        await page.clock.setFixedTime(Date.now());
        await page.goto("/verify");
        assert.equal(finding(await typed(page, good.text)), "good");
      }],
      ["a list of another key is not taken until somebody says so", async () => {
        await offline(false);
        const [key, away] = [join(server.data, "keys/list.pem"), join(server.data, "keys/list.away")];
        renameSync(key, away);
        const ours = await page.locator("[data-key]").innerText();
        await page.goto("/verify");
        await page.locator("[data-other-key] button").waitFor();
        assert.equal(await page.locator("[data-key]").innerText(), ours);
        await user.look("verify-other-key");
        const theirs = await page.locator("[data-other-key] code").innerText();
        assert.notEqual(theirs, ours);
        await page.locator("[data-other-key] button").click();
        await page.locator("[data-other-key]").waitFor({ state: "hidden" });
        assert.equal(await page.locator("[data-key]").innerText(), theirs);
        renameSync(away, key);
      }],
      ["a camera reads it", async () => {
        const file = join(out, "camera.y4m");
        await film(behind.text, file);
        const args = ["--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${file}`];
        const own = await chromium.launch({ executablePath, args });
        try {
          const seer = await User.arrive({ ...world, browser: own });
          await visited(seer.page);
          await seer.context.setOffline(true);
          await seer.page.locator("[data-camera]").click();
          await seer.page.locator("#answer .notice.good").waitFor();
          assert.match(await seer.page.locator("#answer").innerText(), /ĐỖ VĂN THỬ/);
        } finally {
          await own.close();
        }
      }],
    ];
  });
};

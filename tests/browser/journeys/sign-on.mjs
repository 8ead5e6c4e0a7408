// An account is linked with a provider, comes in by it, is unlinked; a citizen comes in by number, name and birth; who is nobody is told so.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { User, journey } from "../lib/browser.mjs";
import { program } from "../lib/paths.mjs";
import { CLIENT, SECRET, provider } from "../lib/provider.mjs";
import { enrol } from "./accounts.mjs";

const command = (server) => (input, ...args) => {
  const ran = spawnSync(program, ["--data", server.data, "sign-on", ...args], { encoding: "utf8", input });
  assert.equal(ran.status, 0, ran.stderr);
  return ran.stdout;
};

/** Who looks after the accounts takes a link away, and says why; afterwards, as it needs an administrator with a second factor. */
export const links = async (world) => {
  if (world.report.only && !`sign-on-links, ${world.screen.name}`.includes(world.report.only)) return;
  const { server } = world;
  const mach = command(server);
  const why = `Người này đã chuyển đi (${world.screen.name})`;
  mach(SECRET, "set", "bv", "label=SSO bệnh viện", "issuer=https://sso.bv.example", `client-id=${CLIENT}`, "secret");
  mach("", "link", "bv", server.account("operator").name, `chuyen-di-${world.screen.name}`);
  try {
    await journey(world, "sign-on-links", {}, (user) => {
      const { page } = user;
      const admin = server.accounts().filter((a) => a.role === "administrator")[1];
      return [
        ["the accounts that providers sign on are listed", async () => {
          await user.signIn(admin);
          await page.waitForURL(/\/sign-in\/code|need=factor/);
          if (page.url().includes("need=factor")) {
            world.paper2.push(...(await enrol(page)));
          } else {
            await page.locator('input[name="code"]').fill(world.paper2.shift());
            await page.locator('form[action="/sign-in/code"] button').click();
            await page.waitForURL(/\/admin\//);
          }
          await user.open("/admin/accounts");
          await user.follow(page.locator('main a[href="/admin/sign-on"]'));
          assert.match(await page.locator("main table").first().innerText(), /SSO bệnh viện/);
          await user.look("sign-on-links");
        }],
        ["one is taken away with a reason, which is asked for and kept", async () => {
          await user.follow(page.locator('main table a[href^="/admin/sign-on/"]').first());
          await page.locator('[name="why"]').fill("Nghỉ");
          await page.locator('form[action$="/end"] button[type="submit"]').click();
          await page.locator('[name="why"][aria-invalid="true"]').waitFor();
          assert.equal(await page.locator('[name="why"]').inputValue(), "Nghỉ");
          await user.look("sign-on-link-wrong");
          await page.locator('[name="why"]').fill(why);
          await page.locator('form[action$="/end"] button[type="submit"]').click();
          await page.waitForURL(/\/admin\/sign-on\?done=ended/);
          assert.ok((await page.locator("main").innerText()).includes(why));
          await user.look("sign-on-links-taken");
        }],
        ["its owner is told", async () => {
          const owner = await User.arrive(world);
          await owner.signIn(server.account("operator"));
          await owner.page.waitForURL((url) => url.pathname !== "/sign-in");
          await owner.open("/notices");
          assert.match(await owner.page.locator("main").innerText(), /Quản trị viên đã gỡ/);
          await owner.context.close();
        }],
      ];
    });
  } finally {
    mach("", "forget", "bv");
  }
};

export default async (world) => {
  if (world.report.only && !`sign-on, ${world.screen.name}`.includes(world.report.only)) return;
  const { server } = world;
  const people = new Map([["lan@bv.vn", {}], ["cong-dan", {}]]);
  const other = await provider(people);
  const mach = command(server);
  const claims = ["claim.number=number", "claim.name=name", "claim.birth=birthdate"];
  mach(SECRET, "set", "bv", "label=SSO bệnh viện", "for=both", `issuer=${other.issuer}`, `client-id=${CLIENT}`, "secret", "private=yes", "logout=yes", ...claims);
  try {
    await journey(world, "sign-on", {}, (user) => {
      const { page } = user;
      const operator = server.account("operator");
      // The provider's page is another's, on purpose; what it refuses is looked at.
      const there = async (sub, from = user) => {
        await from.page.locator("h1", { hasText: "SSO" }).waitFor();
        assert.ok(from.page.url().startsWith(`${other.issuer}/authorize?`));
        const own = from.complaints.filter((c) => !c.includes(other.issuer));
        from.complaints.splice(0, from.complaints.length, ...own);
        await (sub ? from.page.getByText(sub, { exact: true }) : from.page.locator("#no")).click();
        await from.page.waitForURL((url) => url.href.startsWith(server.url));
      };
      const button = (from = user) => from.page.locator('main a[href^="/sign-in/with/bv"]');
      return [
        ["who is nobody here is told what to do", async () => {
          await user.open("/sign-in?next=%2Fclaims");
          await user.look("sign-on-door");
          await button().click();
          await there("lan@bv.vn");
          assert.match(await page.locator("main").innerText(), /Chưa có tài khoản nào ở đây gắn/);
          await user.look("sign-on-nobody");
        }],
        ["who cancels there may try again", async () => {
          await page.locator("main a.primary").click();
          await there(null);
          assert.match(await page.locator("main").innerText(), /không xác nhận/);
          await user.look("sign-on-declined");
        }],
        ["an account is linked when its owner says that it is them", async () => {
          await user.signIn(operator);
          await page.waitForURL(/\/claims/);
          await user.open("/account");
          await user.follow(page.locator('main a[href="/account/sign-on"]'));
          await user.look("sign-on-none");
          await page.locator('main a[href="/account/sign-on/with/bv"]').click();
          await there("lan@bv.vn");
          assert.match(await page.locator("main").innerText(), /lan@bv\.vn/);
          await user.look("sign-on-sure");
          await page.locator('form[action="/account/sign-on"] button').click();
          await page.waitForURL(/done=linked/);
          assert.match(await page.locator("main table").innerText(), /SSO bệnh viện[\s\S]*lan@bv\.vn/);
          await user.look("sign-on-linked");
          await user.open("/notices");
          assert.match(await page.locator("main").innerText(), /đã được gắn vào tài khoản của bạn/);
        }],
        ["it comes in by the provider, out again with the way to there, and in once more", async () => {
          await user.signOut();
          await page.goto("/sign-in?next=%2Fclaims");
          await button().click();
          await there("lan@bv.vn");
          assert.equal(user.path(), "/claims");
          await user.signOut();
          assert.match(user.path(), /at=bv/);
          assert.equal(await page.locator('main a[href="/sign-in/out/bv"]').count(), 1);
          await user.look("sign-on-out");
          await button().click();
          await there("lan@bv.vn");
          await user.open("/claims");
        }],
        ["how sure the provider was stands at the session", async () => {
          await user.open("/account");
          assert.match(await page.locator("main").innerText(), /qua bv, mức loa2/);
        }],
        ["a locked screen opens by the provider too, which asks anew", async () => {
          await user.open("/claims");
          await page.locator("details.user > summary").click();
          await page.locator('form[action="/lock"] button').click();
          await page.locator("dialog[data-lock]").waitFor();
          await page.goto("/prove?next=%2Fclaims");
          await user.look("sign-on-prove");
          await page.locator('main a[href^="/prove/with/bv"]').click();
          await page.locator("h1", { hasText: "SSO" }).waitFor();
          const asked = new URL(page.url()).searchParams;
          assert.deepEqual([asked.get("prompt"), asked.get("max_age")], ["login", "0"]);
          await there("lan@bv.vn");
          assert.equal(user.path(), "/claims");
        }],
        ["unlinked, it comes in no more", async () => {
          await user.signOut();
          await user.signIn(operator);
          await page.waitForURL((url) => url.pathname !== "/sign-in");
          await user.open("/account/sign-on");
          await page.locator("main details.confirm summary").click();
          await page.locator('form[action$="/end"] button[type="submit"]').click();
          await page.waitForURL(/done=ended/);
          await user.look("sign-on-ended");
          await user.signOut();
          await button().click();
          await there("lan@bv.vn");
          assert.match(await page.locator("main").innerText(), /Chưa có tài khoản nào/);
        }],
        ["a citizen comes in by number, name and birth together, and by no other", async () => {
          const doctor = await User.arrive(world);
          await doctor.signIn(server.account("clinician"));
          await doctor.page.waitForURL((url) => url.pathname === "/people");
          await doctor.open("/people?q=nguyen");
          const links = doctor.page.locator('main table.data a[href^="/people/"]');
          for (const home of [...new Set(await links.evaluateAll((all) => all.map((a) => a.getAttribute("href"))))]) {
            await doctor.open(home);
            const number = (await doctor.page.locator("#numbers dd").allInnerTexts()).map((n) => n.trim()).find((n) => /^\d{12}$/.test(n));
            const banner = await doctor.page.locator("section.patient").innerText();
            // The day of birth stands before the age; of some only the year is known.
            const birthdate = /(\d{2}\/\d{2}\/\d{4}) · /.exec(banner)?.[1];
            if (!number || !birthdate) continue;
            const name = (await doctor.page.locator("section.patient .name").innerText()).trim();
            people.set("cong-dan", { number, birthdate, name });
            break;
          }
          await doctor.context.close();
          const said = people.get("cong-dan");
          assert.ok(said.number, "nobody has a number and a day of birth");
          const me = await User.arrive(world);
          const comes = async () => {
            await me.open("/me/sign-in");
            await button(me).click();
            await there("cong-dan", me);
          };
          people.set("cong-dan", { ...said, birthdate: "01/01/1901" });
          await comes();
          assert.match(await me.page.locator("main").innerText(), /Không có hồ sơ nào khớp/);
          await me.look("sign-on-no-citizen");
          people.set("cong-dan", said);
          await comes();
          await me.page.waitForURL((url) => url.pathname === "/me");
          assert.ok((await me.page.locator("main").innerText()).toUpperCase().includes(said.name.toUpperCase()));
          await me.context.close();
        }],
      ];
    });
  } finally {
    mach("", "forget", "bv");
    other.stop();
  }
};

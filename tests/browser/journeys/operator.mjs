// The person of a facility who sends claim files and mends what was refused.
import assert from "node:assert/strict";
import { journey } from "../lib/browser.mjs";
import { Client } from "../lib/api.mjs";
import { claimFile } from "../lib/claim.mjs";

export default (world) =>
  journey(world, "operator", {}, (user) => {
    const { page, server } = user;
    const account = server.account("operator");
    const rows = () => page.locator('main table.data tbody tr:has(a[href^="/claims/"])');
    // One claim for each screen, so that the second run is not a duplicate of the first.
    const id = `JOURNEY-${user.screen.name}`;
    const send = async (text) => {
      await user.open("/claims/send");
      await page.locator('input[type="file"]').setInputFiles({ name: `${id}.xml`, mimeType: "text/xml", buffer: Buffer.from(text) });
      await page.locator('form.upload button[type="submit"]').click();
    };
    return [
      ["the list shows what this facility has sent, and nobody else's", async () => {
        await user.signIn(account);
        await page.waitForURL((url) => url.pathname === "/claims");
        assert.ok((await rows().count()) > 0, "there are claims");
        await user.look("claims");
      }],
      ["the way to send files starts at the list", async () => {
        await user.open("/claims");
        await user.follow(user.links("/claims/send").first());
        await user.look("send");
      }],
      ["a file with a day that does not exist is refused, and says where and why", async () => {
        await send(claimFile({ facility: account.facility, id, fields: { NGAY_TTOAN: "202502301000" } }));
        await page.locator("main").getByText("NGAY_TTOAN").first().waitFor();
        const refusals = await page.locator("main table.data tbody tr").filter({ hasText: "Từ chối" }).allInnerTexts();
        assert.equal(refusals.length, 1, `only what is wrong is refused: ${refusals}`);
        await user.look("upload-refused");
      }],
      ["the file is in the list of files", async () => {
        await user.open("/claims/files");
        assert.ok((await page.locator("main table.data tbody tr").filter({ hasText: `${id}.xml` }).count()) > 0);
        await user.look("files");
      }],
      ["the refused claim stands in the list with its findings", async () => {
        await user.open("/claims?state=refused");
        const row = rows().filter({ hasText: id });
        await user.follow(row.first());
        assert.match(await page.locator("main").innerText(), /NGAY_TTOAN/);
        await user.look("claim-refused");
      }],
      ["it can be checked again: nothing has changed, so it stays refused", async () => {
        await page.locator('main form[action$="/recheck"] button').click();
        await page.waitForURL(/rechecked/);
        assert.match(await page.locator("main").innerText(), /NGAY_TTOAN/);
      }],
      ["the corrected claim is accepted in its place", async () => {
        await send(claimFile({ facility: account.facility, id }));
        await page.locator('main [role="status"]').filter({ hasText: "Đã nhận 1" }).waitFor();
        world.counts.sent += 1;
        await user.open("/claims?state=refused");
        assert.equal(await rows().filter({ hasText: id }).count(), 0);
        await user.open("/claims");
        await user.follow(rows().filter({ hasText: id }).first());
        await user.look("claim-corrected");
      }],
      ["sent once more it is a duplicate and changes nothing", async () => {
        await send(claimFile({ facility: account.facility, id }));
        await page.locator("main").getByText("trùng 1").waitFor();
      }],
      ["a text file is refused as what it is", async () => {
        await send("đây không phải hồ sơ");
        await page.locator('main [role="alert"]').first().waitFor();
        await user.look("upload-not-xml");
      }],
      ["another facility's claim is not there for this one", async () => {
        const client = await new Client(server.url).signIn(server.account("leader"));
        const foreign = await foreignClaim(client, account.facility);
        await user.open(foreign, 404);
        await user.look("foreign-claim");
      }],
      ["signing out", () => user.signOut()],
    ];
  });

/** The address of a claim of another facility, as the leader sees it. */
async function foreignClaim(client, facility) {
  const page = await (await client.request("/claims")).text();
  for (const [, path] of page.matchAll(/href="(\/claims\/\d+)"/g)) {
    const claim = await (await client.request(path)).text();
    if (!claim.includes(facility)) return path;
  }
  throw new Error("the leader's list shows no claim of another facility");
}

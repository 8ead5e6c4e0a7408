// The second opinion: the synthetic province counts by itself what it wrote; pages and API must show the same.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "../lib/api.mjs";
import { journey } from "../lib/browser.mjs";
import { number } from "../lib/text.mjs";

export default (world) =>
  journey(world, "indicators", {}, (user) => {
    const { page, server } = user;
    const { ids, last, range, cells } = read(server);
    let client;
    return [
      ["the list names every indicator of the manifest", async () => {
        client = await new Client(server.url).signIn(server.account("leader"));
        const listed = new Set((await client.json("/api/indicators")).indicators.map((i) => i.id));
        assert.ok(ids.length >= 30, `${ids.length} indicators in the manifest`);
        assert.deepEqual(ids.filter((id) => !listed.has(id)), []);
      }],
      ...ids.map((id) => [`${id}: every facility and month as the province counted`, async () => {
        same(await answer(client, id, range), cells(id));
      }]),
      ["every way of splitting a number adds up to it, in the places of any day", async () => {
        for (const id of ["CD01", "FI01", "SV01"]) {
          const sums = {};
          for (const split of ["none", "facility", "commune&as_of=2025-06-30", "commune&as_of=2025-07-01", "district&as_of=2025-06-30", "province"]) {
            const { rows } = await client.json(`/api/indicators/${id}?${range}&period=year&by=${split}`);
            for (const r of rows) sums[r.period] = { ...sums[r.period], [split]: (sums[r.period]?.[split] ?? 0n) + hundredths(r.value) };
          }
          assert.ok(Object.keys(sums).length >= 3, `${id} over ${Object.keys(sums)}`);
          for (const [year, by] of Object.entries(sums)) {
            assert.equal(Object.keys(by).length, 6, `${id} in ${year}`);
            assert.equal(new Set(Object.values(by)).size, 1, `${id} in ${year}: ${Object.entries(by).join("; ")}`);
          }
        }
      }],
      ["CSV says the same as JSON", async () => {
        const path = `/api/indicators/CD09?${range}&period=quarter&by=facility`;
        const { rows } = await client.json(path);
        const answer = await client.request(path, { headers: { accept: "text/csv" } });
        assert.match(answer.headers.get("content-type"), /^text\/csv/);
        const lines = (await answer.text()).trim().split(/\r?\n/).slice(1);
        assert.equal(lines.length, rows.length);
        for (const [i, r] of rows.entries()) assert.ok(lines[i].includes(String(r.value)) && lines[i].includes(r.place), lines[i]);
      }],
      ["pages show the same numbers as the API", async () => {
        await user.signIn(server.account("leader"));
        await page.waitForURL((url) => url.pathname === "/hoc");
        for (const id of ids) {
          await user.open(`/hoc/indicators/${id}?at=${last}`);
          const { rows } = await client.json(`/api/indicators/${id}?from=${last}-01&to=${endOf(last)}&period=month&by=none`);
          const text = (await page.locator("p.big").first().innerText()).replaceAll("\u00a0", " ");
          if (rows.length === 0) {
            // A count of nothing is 0; a share of nothing is not a number.
            assert.ok(/Chưa/.test(text) || number(text) === 0, `${id} has no value; the page shows ${text}`);
            continue;
          }
          // As shown: rounded to its decimals, and in millions or billions where it is long.
          const unit = /tỷ/.test(text) ? 1e9 : /triệu/.test(text) ? 1e6 : 1;
          const decimals = (/,(\d+)/.exec(text)?.[1] ?? "").length;
          const off = Math.abs(number(text) * unit - Number(rows[0].value));
          assert.ok(off <= (0.5 * unit) / 10 ** decimals + 1e-6, `${id} is ${rows[0].value}; the page shows ${text}`);
        }
      }],
    ];
  });

/** After the operator's journeys: the claims sent there count, each once, and nothing else has moved. */
export async function afterSending({ server, report, counts }) {
  const { range, cells } = read(server);
  await report.journey("indicators after sending", [
    ["the visits have moved by exactly the claims sent since", async () => {
      const client = await new Client(server.url).signIn(server.account("leader"));
      const expected = cells("CD01");
      const cell = `${server.account("operator").facility} 2025-03`;
      expected.set(cell, plain(Number(expected.get(cell) ?? 0) + counts.sent));
      same(await answer(client, "CD01", range), expected);
      same(await answer(client, "FI01", range), cells("FI01"));
    }],
  ]);
}

/** The manifest: its indicators, its span as a query, its last month, and the cells of one indicator. */
function read(server) {
  const manifest = JSON.parse(readFileSync(join(server.data, "demo-files/manifest.json"), "utf8"));
  const months = manifest.cells.map((c) => c.month).sort();
  const of = (id) => manifest.cells.filter((c) => c.indicator === id);
  return {
    ids: [...new Set(manifest.cells.map((c) => c.indicator))].sort(),
    last: months.at(-1),
    range: `from=${months[0]}-01&to=${endOf(months.at(-1))}`,
    cells: (id) => new Map(of(id).map((c) => [`${c.facility} ${c.month}`, plain(c.value)])),
  };
}

/** What the API says: "facility month" to value. */
async function answer(client, id, range) {
  const { rows } = await client.json(`/api/indicators/${id}?${range}&period=month&by=facility`);
  const given = new Map(rows.map((r) => [`${r.place} ${r.period}`, plain(r.value)]));
  assert.equal(given.size, rows.length, "one row for a facility and month");
  return given;
}

function same(given, expected) {
  const wrong = [...expected].filter(([cell, value]) => given.get(cell) !== value);
  const extra = [...given.keys()].filter((cell) => !expected.has(cell));
  const show = wrong.slice(0, 5).map(([cell, value]) => `${cell}: ${value} expected, ${given.get(cell)} given`);
  assert.deepEqual({ show, wrong: wrong.length, extra: extra.slice(0, 5) }, { show: [], wrong: 0, extra: [] });
}

/** A value in hundredths, exactly. */
function hundredths(value) {
  const [, sign, whole, part] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(value));
  const parts = BigInt(whole) * 100n + BigInt((part ?? "").padEnd(2, "0").slice(0, 2));
  return sign ? -parts : parts;
}

/** A value as written, without the zeros and signs that do not matter: `12.50` is `12.5`. */
function plain(value) {
  const text = String(value);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** The last day of a month: `2025-02` gives `2025-02-28`. */
function endOf(month) {
  const [year, number_] = month.split("-").map(Number);
  return `${month}-${new Date(Date.UTC(year, number_, 0)).getUTCDate()}`;
}

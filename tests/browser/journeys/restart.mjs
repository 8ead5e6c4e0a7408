// Starting again: Ctrl-C, a crash, and the data that was there.
import assert from "node:assert/strict";
import { Client } from "../lib/api.mjs";

const SECOND_START_MS = 15_000;

export default async function restart({ server, report }) {
  const visits = async () => {
    const client = await new Client(server.url).signIn(server.account("leader"));
    return client.json("/api/indicators/FI01?period=month&by=facility&from=2024-01-01&to=2026-12-31");
  };
  let before;
  await report.journey("restart", [
    ["Ctrl-C stops cleanly", async () => {
      before = await visits();
      assert.ok(before.rows.length > 10, "there are figures to keep");
      assert.equal(await server.stop("SIGINT"), 0);
    }],
    ["a second start takes seconds and keeps the data", async () => {
      await server.start();
      assert.ok(server.startedInMs < SECOND_START_MS, `${server.startedInMs} ms`);
      assert.deepEqual(await visits(), before);
    }],
    ["so does a start after kill -9", async () => {
      await server.stop("SIGKILL");
      await server.start();
      assert.deepEqual(await visits(), before);
    }],
  ]);
}

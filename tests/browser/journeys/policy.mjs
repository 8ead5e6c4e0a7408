// The golden table of who may open what: every route of the program, every role. A route that is not in the table fails.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join, sep } from "node:path";
import { Client } from "../lib/api.mjs";
import { root } from "../lib/paths.mjs";

const ROLES = ["nobody", "leader", "operator", "clinician"];

// "METHOD route" → [example path, what nobody, leader, operator, clinician get]. `in`: sent to the sign-in form.
const PAGE = (leader, operator, clinician) => ["in", leader, operator, clinician];
const API = (leader, operator, clinician) => [401, leader, operator, clinician];
const TABLE = {
  "GET /": ["/", "in", 303, 303, 303],
  "GET /healthz": ["/healthz", 200, 200, 200, 200],
  "GET /sign-in": ["/sign-in", 200, 200, 200, 200],
  "POST /sign-in": ["/sign-in", 401, 401, 401, 401],
  "GET /claims": ["/claims", ...PAGE(200, 200, 403)],
  "GET /claims/files": ["/claims/files", ...PAGE(200, 200, 403)],
  "GET /claims/send": ["/claims/send", ...PAGE(403, 200, 403)],
  "GET /claims/{id}": ["/claims/999999999", ...PAGE(404, 404, 403)],
  "GET /claims/{id}/versions/{version}": ["/claims/999999999/versions/1", ...PAGE(404, 404, 403)],
};

export default async function policy({ server, report }) {
  const clients = {};
  await report.journey("policy", [
    ["every role signs in", async () => {
      clients.nobody = new Client(server.url);
      for (const role of ROLES.slice(1)) clients[role] = await new Client(server.url).signIn(server.account(role));
    }],
    ["every route of the sources stands in the table, and no other", async () => {
      assert.deepEqual(Object.keys(TABLE).sort(), routes());
    }],
    ...Object.entries(TABLE).map(([route, [path, ...expected]]) => [route, async () => {
      const [method] = route.split(" ");
      for (const [i, role] of ROLES.entries()) {
        const body = method === "POST" ? new URLSearchParams({ username: "khong-co-ai", password: "sai", next: "/" }) : undefined;
        const answer = await clients[role].request(path, { method, body });
        const toSignIn = answer.status === 303 && (answer.headers.get("location") ?? "").startsWith("/sign-in");
        assert.equal(toSignIn ? "in" : answer.status, expected[i], `${route} as ${role}`);
        assert.ok(answer.headers.get("content-security-policy"), `${route} as ${role}: a content security policy`);
      }
    }]),
  ]);
}

/** Every `.route("…", get(…).post(…))` of the product's sources, as "METHOD path". */
function routes() {
  const found = [];
  for (const file of sources(join(root, "crates"))) {
    const text = readFileSync(file, "utf8").split("#[cfg(test)]")[0];
    for (const [, path, rest] of text.matchAll(/\.route\(\s*"([^"]+)",\s*([\s\S]*?)(?=\.route\(|\.merge\(|\.with_state\(|\.nest\(|;|\n})/g)) {
      for (const [, method] of rest.matchAll(/\b(get|post|put|delete|patch)\(/g)) found.push(`${method.toUpperCase()} ${path}`);
    }
  }
  return found.sort();
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ["tests", "examples", "target"].includes(entry.name) ? [] : sources(path);
    return path.endsWith(".rs") && path.includes(`${sep}src${sep}`) ? [path] : [];
  });
}

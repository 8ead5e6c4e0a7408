// Clients that others wrote, doing a real job against the program as built. `node tests/foreign/run.mjs`
//
// One line per step, and a closing line that ./dev counts. No retries. PYTHON names the interpreter that has
// requirements.txt; without it the steps of the Python clients count as failed.
import { execFile, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { kit } from "./kit.mjs";
import { published } from "./published.mjs";
import { signOn } from "./sign-on.mjs";
import { subscriber } from "./subscriber.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
// Keys of the tests, not those of whoever runs them.
process.env.MACH_KEYS ??= join(root, "target", "test-keys");
const program = process.env.MACH_PROGRAM ?? join(root, "target", "debug", "mach");
const python = process.env.PYTHON ?? join(root, "target", "foreign-venv", "bin", "python");
const STARTS_WITHIN_MS = 120_000;

let passed = 0;
let failed = 0;

/** Runs one step; a failed one is told and the rest goes on. */
export async function step(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n      ${String(error?.stack ?? error).replaceAll("\n", "\n      ")}`);
  }
}

function mach(data, ...args) {
  return fed("", data, ...args);
}

/** The same with something on its standard input. */
function fed(input, data, ...args) {
  const ran = spawnSync(program, ["--data", data, ...args], { encoding: "utf8", input });
  if (ran.status !== 0) throw new Error(`mach ${args.join(" ")}: ${ran.stderr}`);
  return ran.stdout.trim();
}

/** What the program says while this process answers it. */
async function asked(data, ...args) {
  return (await promisify(execFile)(program, ["--data", data, ...args])).stdout.trim();
}

/** Starts to serve; gives the process and its address. */
async function serve(data) {
  const child = spawn(program, ["--data", data, "serve", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => reject(new Error(`no address: ${said}`)), STARTS_WITHIN_MS);
    child.on("exit", (code) => reject(new Error(`ended with ${code}: ${said}`)));
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      said += chunk;
      const found = /listening on (http:\/\/\S+)/.exec(said);
      if (found) {
        clearTimeout(timer);
        resolve(found[1]);
      }
    });
  });
  return { child, url };
}

/** The Python clients print the same lines as we do. */
async function pythonClients(file, ...args) {
  if (!existsSync(python)) throw new Error(`${python} is missing: ./dev test makes it`);
  const child = spawn(python, [join(here, file), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    process.stdout.write(chunk);
    out += chunk;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  const lines = out.split("\n");
  passed += lines.filter((line) => line.startsWith("ok ")).length;
  failed += lines.filter((line) => line.startsWith("FAIL ")).length;
  if (code !== 0) throw new Error(`the Python clients ended with ${code}`);
}

const full = Boolean(process.env.MACH_TEST_FULL);
const folders = [];
const folder = () => {
  folders.push(mkdtempSync(join(tmpdir(), "mach-foreign-")));
  return folders.at(-1);
};
const data = folder();
let server;
try {
  const token = mach(data, "token", "new", "--scope", "write", "--name", "foreign clients");
  const reader = mach(data, "token", "new", "--scope", "read", "--name", "one that reads");
  server = await serve(data);
  const base = `${server.url}/fhir`;
  await kit({ base, token, reader, step, full });
  await subscriber({ step, mach, serve, folder });
  await step("fhirpy, fhir.resources: every step was run", () => pythonClients("clients.py", base, token, full ? "full" : "sampled"));
  const password = "một câu dài để nhớ";
  fed(password, data, "account", "set", "quan.tri", "--role", "administrator");
  fed(password, data, "account", "set", "bs.la", "--role", "clinician", "--facility", "46001");
  await signOn({ step, mach, asked, fed, data, url: server.url });
  const key = mach(data, "key", "new", "--facility", "46001", "--name", "published").split("\n").pop();
  await published({ step, url: server.url, key, python, full });
  await step("authlib: every step was run", () => pythonClients("apps.py", server.url, "quan.tri", "bs.la", password));
} catch (error) {
  // Not a step but the harness: it must not look like a pass.
  failed += 1;
  console.log(`FAIL  the harness\n      ${error?.stack ?? error}`);
} finally {
  if (server) {
    const gone = new Promise((resolve) => server.child.on("close", resolve));
    server.child.removeAllListeners("exit");
    server.child.kill("SIGINT");
    await gone;
  }
  for (const made of folders) rmSync(made, { recursive: true, force: true });
}
console.log(`Foreign clients: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

// The program under test: a synthetic province of its own, in a folder of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { program } from "./paths.mjs";

const STARTS_WITHIN_MS = 300_000;
const STOPS_WITHIN_MS = 20_000;
const SENDS_WITHIN_MS = 15_000;
const DEMO = ["--dossiers", "4000", "--seed", "7"];

/** Starts a new province, or the one that lies in `data` already. */
export async function start(data = mkdtempSync(join(tmpdir(), "mach-journeys-"))) {
  if (!existsSync(program)) throw new Error(`${program} is missing: cargo build -p mach`);
  const server = new Server(data);
  await server.start();
  return server;
}

class Server {
  constructor(data) {
    this.data = data;
  }

  async start() {
    const began = Date.now();
    this.said = "";
    const child = spawn(program, ["demo", "--data", this.data, "--listen", "127.0.0.1:0", ...DEMO], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    this.exit = once(child, "exit");
    this.url = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#error(`said no address in ${STARTS_WITHIN_MS} ms`)), STARTS_WITHIN_MS);
      const listen = (chunk) => {
        this.said += chunk;
        const found = /listening on (http:\/\/\S+)/.exec(this.said);
        if (found) {
          clearTimeout(timer);
          resolve(found[1].replace(/\/$/, ""));
        }
      };
      child.stdout.setEncoding("utf8").on("data", listen);
      child.stderr.setEncoding("utf8").on("data", listen);
      child.on("error", reject);
      child.on("exit", (code) => {
        clearTimeout(timer);
        reject(this.#error(`ended with ${code} before it listened`));
      });
    });
    this.startedInMs = Date.now() - began;
  }

  #error(what) {
    return new Error(`${program} ${what}; it said:\n${this.said.slice(-4000)}`);
  }

  /** The accounts of the demo: [{ role, name, password, facility }]. */
  accounts() {
    return JSON.parse(readFileSync(join(this.data, "demo-accounts.json"), "utf8"));
  }

  /** The first account of a role. */
  account(role) {
    const found = this.accounts().find((a) => a.role === role);
    if (!found) throw new Error(`the demo made no account for ${role}`);
    return found;
  }

  /** What was sent to telephones so far: a line each, telephone and text. */
  messages() {
    const file = join(this.data, "sms-simulated.tsv");
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter((line) => line !== "") : [];
  }

  /** The message after the first `before`, as soon as it is sent. */
  message(before) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const all = this.messages();
        if (all.length > before) end(() => resolve(all[before]));
      };
      const end = (then) => {
        clearTimeout(timer);
        watching.close();
        then();
      };
      const timer = setTimeout(() => end(() => reject(this.#error("sent no message"))), SENDS_WITHIN_MS);
      const watching = watch(this.data, look);
      look();
    });
  }

  /** Ctrl-C; gives the exit code. */
  async stop(signal = "SIGINT") {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill(signal);
      const timer = setTimeout(() => this.child.kill("SIGKILL"), STOPS_WITHIN_MS);
      await this.exit;
      clearTimeout(timer);
    }
    return this.child.exitCode;
  }

  /** Takes the data folder away. */
  clean() {
    rmSync(this.data, { recursive: true, force: true });
  }
}

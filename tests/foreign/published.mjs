// What the program publishes of itself (OpenAPI), asked by schemathesis: what the texts allow and what they do not, with no answer
// of 500 and above. Sampled: a fixed number of examples; full: ten minutes.
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const DOCUMENTS = ["/api/certificates/openapi.json", "/api/prescriptions/openapi.json"];
const EXAMPLES = 25;
const FULL_SECONDS = 300;

export async function published({ step, url, key, python, full }) {
  for (const document of DOCUMENTS) {
    await step(`schemathesis: ${document} has no answer of 500 and above`, async () => {
      const much = full ? ["--max-time", String(FULL_SECONDS)] : ["--max-examples", String(EXAMPLES)];
      const args = ["run", `${url}${document}`, "--url", url, "-H", `Authorization: Bearer ${key}`, "--checks", "not_a_server_error"];
      args.push(...much, "--seed", "1", "--suppress-health-check", "all", "--warnings", "off", "--no-color");
      args.push("--generation-database", "none");
      const ran = await promisify(execFile)(join(dirname(resolve(python)), "schemathesis"), args, { cwd: tmpdir(), maxBuffer: 64 << 20 }).catch((e) => e);
      const said = ran.stdout ?? "";
      if (ran instanceof Error) throw new Error(said.slice(-4000) || String(ran));
      // A run that asked nothing finds nothing.
      const cases = Number(/([0-9]+) generated/.exec(said)?.[1] ?? 0);
      if (cases < 50) throw new Error(`only ${cases} requests: ${said.slice(-2000)}`);
    });
  }
}

// A receiver of notifications outlives the program: killed with SIGKILL in the middle of telling, started again, it has told
// everything, in order, and what it told twice it told with the same number.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import Client from "fhir-kit-client";

const BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";
const KILLS = 5;
const BETWEEN = 40;

/** Events of a notification: [{ number, focus }]. */
function events(bundle) {
  const named = (list, name) => list.find((p) => p.name === name);
  return bundle.entry[0].resource.parameter
    .filter((p) => p.name === "notification-event")
    .map(({ part }) => ({
      number: Number(named(part, "event-number").valueString),
      focus: named(part, "focus").valueReference.reference.split("/").pop(),
    }));
}

/** Listens; keeps what comes, and says when. */
async function receiver() {
  const came = [];
  let waiting = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      came.push(JSON.parse(body));
      response.end();
      waiting = waiting.filter(({ enough, resolve }) => !(enough(came) && (resolve(), true)));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const until = (enough) => (enough(came) ? Promise.resolve() : new Promise((resolve) => waiting.push({ enough, resolve })));
  return { came, until, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

export async function subscriber({ step, mach, serve, folder }) {
  await step("a receiver hears everything in order though the program is killed again and again", async () => {
    const data = folder();
    const token = mach(data, "token", "new", "--scope", "write", "--name", "subscriber");
    const target = await receiver();
    mach(data, "subscription", "allow", `${target.url}/`);
    let running = await serve(data);
    const client = () => new Client({ baseUrl: `${running.url}/fhir`, bearerToken: token });
    const made = await client().create({
      resourceType: "Subscription",
      body: {
        resourceType: "Subscription",
        status: "requested",
        reason: "kill -9",
        criteria: "urn:mach:topic:patient-change",
        channel: {
          extension: [
            { url: `${BACKPORT}backport-timeout`, valueUnsignedInt: 1 },
            { url: `${BACKPORT}backport-max-count`, valuePositiveInt: 3 },
          ],
          type: "rest-hook",
          endpoint: `${target.url}/hook`,
          payload: "application/fhir+json",
          _payload: { extension: [{ url: `${BACKPORT}backport-payload-content`, valueCode: "id-only" }] },
        },
      },
    });
    const heard = () => target.came.flatMap(events);
    const written = [];
    try {
      await target.until((came) => came.length > 0);
      for (let kill = 0; kill <= KILLS; kill += 1) {
        for (let n = 0; n < BETWEEN; n += 1) {
          const id = `p${kill}-${n}`;
          await client().update({ resourceType: "Patient", id, body: { resourceType: "Patient", id } });
          written.push(id);
        }
        if (kill === KILLS) break;
        // As soon as something of this round was heard: the rest is under way or not yet looked at.
        await target.until(() => heard().some((e) => e.focus.startsWith(`p${kill}-`)));
        const gone = once(running.child, "close");
        running.child.removeAllListeners("exit");
        running.child.kill("SIGKILL");
        await gone;
        running = await serve(data);
      }
      await target.until(() => heard().at(-1)?.focus === written.at(-1));
    } finally {
      running.child.removeAllListeners("exit");
      running.child.kill("SIGKILL");
      target.close();
    }
    const byNumber = new Map();
    for (const { number, focus } of heard()) {
      assert.ok(number <= byNumber.size + 1, `event ${number} came after ${byNumber.size}`);
      assert.equal(byNumber.get(number) ?? focus, focus, `event ${number} was told differently`);
      byNumber.set(number, focus);
    }
    assert.deepEqual([...byNumber.values()], written);
    assert.ok(made.id);
  });
}

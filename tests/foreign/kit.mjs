// npm fhir-kit-client: a visit is registered, looked up, corrected, taken away.
import assert from "node:assert/strict";
import Client from "fhir-kit-client";

const SYSTEM = "http://example.org/kit";

/** The status of a request that is refused. */
async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    assert.equal(error.response?.data?.resourceType, "OperationOutcome", "a refusal is an OperationOutcome");
    assert.ok(error.response.data.issue.length > 0 && error.response.data.issue[0].diagnostics, "and says why");
    return error.response.status;
  }
  throw new Error("it was not refused");
}

/** A resource without what the server sets. */
function own(resource) {
  const { meta, ...rest } = resource;
  return rest;
}

export async function kit({ base, token, reader, step, full }) {
  const client = new Client({ baseUrl: base, bearerToken: token });
  const made = {};
  const count = full ? 400 : 60;
  const say = (name, run) => step(`fhir-kit-client: ${name}`, run);

  await say("the capability statement is R4 and names what is done", async () => {
    const statement = await client.capabilityStatement();
    assert.equal(statement.fhirVersion, "4.0.1");
    const patient = statement.rest[0].resource.find((r) => r.type === "Patient");
    for (const code of ["read", "vread", "update", "patch", "delete", "create", "search-type"]) {
      assert.ok(patient.interaction.some((i) => i.code === code), code);
    }
  });

  await say("a patient is created and read back equal", async () => {
    const body = {
      resourceType: "Patient",
      identifier: [{ system: SYSTEM, value: "kit-1" }],
      name: [{ use: "official", family: "Nguyễn", given: ["Thị", "Ánh"] }],
      gender: "female",
      birthDate: "1980-02-29",
      extension: [{ url: "http://example.org/ext", valueDecimal: 1.5 }],
    };
    made.patient = await client.create({ resourceType: "Patient", body });
    assert.ok(made.patient.id && made.patient.meta.versionId === "1" && made.patient.meta.lastUpdated);
    const read = await client.read({ resourceType: "Patient", id: made.patient.id });
    assert.deepEqual(own(read), { ...body, id: made.patient.id });
    const { response } = Client.httpFor(read);
    assert.equal(response.headers.get("etag"), 'W/"1"');
  });

  await say("a visit with its observations is one transaction; its references lead to what was made", async () => {
    const observation = (n) => ({
      fullUrl: `urn:uuid:00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
      resource: {
        resourceType: "Observation",
        status: "final",
        code: { coding: [{ system: "http://loinc.org", code: n % 2 ? "8867-4" : "8310-5" }], text: `số ${n}` },
        subject: { reference: `Patient/${made.patient.id}` },
        encounter: { reference: "urn:uuid:11111111-0000-4000-8000-000000000000" },
        effectiveDateTime: `2026-01-${String((n % 28) + 1).padStart(2, "0")}T08:00:00+07:00`,
        valueQuantity: { value: 60 + n, unit: "/min", system: "http://unitsofmeasure.org", code: "/min" },
      },
      request: { method: "POST", url: "Observation" },
    });
    const encounter = {
      fullUrl: "urn:uuid:11111111-0000-4000-8000-000000000000",
      resource: {
        resourceType: "Encounter",
        status: "in-progress",
        class: { system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: "AMB" },
        subject: { reference: `Patient/${made.patient.id}` },
      },
      request: { method: "POST", url: "Encounter" },
    };
    const entry = [encounter, ...Array.from({ length: count }, (_, n) => observation(n + 1))];
    const answer = await client.transaction({ body: { resourceType: "Bundle", type: "transaction", entry } });
    assert.equal(answer.type, "transaction-response");
    assert.equal(answer.entry.length, count + 1);
    assert.ok(answer.entry.every((e) => e.response.status.startsWith("201")));
    made.encounter = answer.entry[0].response.location.match(/Encounter\/([^/]+)/)[1];
    made.observation = answer.entry[1].response.location.match(/Observation\/([^/]+)/)[1];
    const read = await client.read({ resourceType: "Observation", id: made.observation });
    assert.equal(read.encounter.reference, `Encounter/${made.encounter}`);
  });

  await say("a transaction with one wrong entry stores nothing", async () => {
    const entry = [
      { resource: { resourceType: "Patient", identifier: [{ system: SYSTEM, value: "never" }] }, request: { method: "POST", url: "Patient" } },
      { resource: { resourceType: "Patient", id: "x" }, request: { method: "PUT", url: "Observation/x" } },
    ];
    const status = await refused(client.transaction({ body: { resourceType: "Bundle", type: "transaction", entry } }));
    assert.ok(status >= 400 && status < 500, `${status}`);
    const found = await client.search({ resourceType: "Patient", searchParams: { identifier: `${SYSTEM}|never` } });
    assert.equal(found.total, 0);
  });

  await say("a search by chain finds through a name without accents", async () => {
    const found = await client.search({
      resourceType: "Observation",
      searchParams: { "subject:Patient.name": "nguyen", code: "http://loinc.org|8867-4", _count: 1000 },
    });
    assert.equal(found.entry.length, Math.ceil(count / 2));
    assert.ok(found.entry.every((e) => e.search.mode === "match" && e.resource.code.coding[0].code === "8867-4"));
  });

  await say("what is referred to comes along, and what refers", async () => {
    const found = await client.search({
      resourceType: "Observation",
      searchParams: { _id: made.observation, _include: ["Observation:subject", "Observation:encounter"] },
    });
    const types = found.entry.map((e) => `${e.search.mode} ${e.resource.resourceType}`).sort();
    assert.deepEqual(types, ["include Encounter", "include Patient", "match Observation"]);
    const back = await client.search({
      resourceType: "Encounter",
      searchParams: { _id: made.encounter, _revinclude: "Observation:encounter", _count: 1000 },
    });
    assert.equal(back.entry.filter((e) => e.resource.resourceType === "Observation").length, count);
  });

  await say("every page is walked by its links, forth, and nothing comes twice", async () => {
    let page = await client.search({ resourceType: "Observation", searchParams: { patient: made.patient.id, _count: 7, _sort: "-date" } });
    const total = page.total;
    const seen = [];
    while (page) {
      seen.push(...page.entry.map((e) => e.resource));
      page = await client.nextPage({ bundle: page });
    }
    assert.equal(seen.length, count);
    assert.equal(total, count);
    assert.equal(new Set(seen.map((r) => r.id)).size, count);
    const dates = seen.map((r) => r.effectiveDateTime);
    assert.deepEqual(dates, [...dates].sort().reverse());
  });

  await say("a search is posted as well", async () => {
    const found = await client.resourceSearch({
      resourceType: "Patient", searchParams: { birthdate: "lt1981", gender: "female" }, options: { postSearch: true },
    });
    assert.deepEqual(found.entry.map((e) => e.resource.id), [made.patient.id]);
  });

  await say("within the compartment of the patient", async () => {
    const found = await client.compartmentSearch({
      compartment: { resourceType: "Patient", id: made.patient.id }, resourceType: "Encounter",
    });
    assert.deepEqual(found.entry.map((e) => e.resource.id), [made.encounter]);
  });

  await say("an update of the version that was read is taken, a second of the same is a conflict", async () => {
    const read = await client.read({ resourceType: "Patient", id: made.patient.id });
    const options = { headers: { "If-Match": `W/"${read.meta.versionId}"` } };
    const body = { ...read, telecom: [{ system: "phone", value: "0900 000 000" }] };
    const updated = await client.update({ resourceType: "Patient", id: read.id, body, options });
    assert.equal(updated.meta.versionId, "2");
    const again = client.update({ resourceType: "Patient", id: read.id, body: { ...read, active: false }, options });
    assert.equal(await refused(again), 412);
    const now = await client.read({ resourceType: "Patient", id: read.id });
    assert.equal(now.active, undefined);
    assert.equal(now.telecom[0].value, "0900 000 000");
  });

  await say("an update may create", async () => {
    const body = { resourceType: "Organization", id: "kit-org", name: "Trạm y tế" };
    const created = await client.update({ resourceType: "Organization", id: "kit-org", body });
    assert.equal(Client.httpFor(created).response.status, 201);
  });

  await say("a patch changes what it says", async () => {
    const JSONPatch = [{ op: "replace", path: "/status", value: "finished" }];
    await client.patch({ resourceType: "Encounter", id: made.encounter, JSONPatch });
    const read = await client.read({ resourceType: "Encounter", id: made.encounter });
    assert.equal(read.status, "finished");
    const wrong = [{ op: "test", path: "/status", value: "planned" }];
    assert.equal(await refused(client.patch({ resourceType: "Encounter", id: made.encounter, JSONPatch: wrong })), 422);
  });

  await say("every version is kept and read back", async () => {
    const first = await client.vread({ resourceType: "Encounter", id: made.encounter, version: "1" });
    assert.equal(first.status, "in-progress");
    const history = await client.history({ resourceType: "Encounter", id: made.encounter });
    assert.equal(history.type, "history");
    assert.deepEqual(history.entry.map((e) => e.resource.meta.versionId), ["2", "1"]);
    const all = await client.history({ resourceType: "Encounter" });
    assert.equal(all.total, 2);
    assert.ok((await client.history()).total >= count + 4);
  });

  await say("a conditional create makes one", async () => {
    const body = { resourceType: "Patient", identifier: [{ system: SYSTEM, value: "kit-1" }] };
    const options = { headers: { "If-None-Exist": `identifier=${encodeURIComponent(`${SYSTEM}|kit-1`)}` } };
    const answer = await client.create({ resourceType: "Patient", body, options });
    assert.equal(Client.httpFor(answer).response.status, 200);
    assert.equal(answer.id, made.patient.id);
  });

  await say("a batch answers each of its own", async () => {
    const entry = [
      { request: { method: "GET", url: `Patient/${made.patient.id}` } },
      { request: { method: "GET", url: "Patient/none" } },
      { request: { method: "GET", url: "Observation?code=http://loinc.org|8310-5&_summary=count" } },
    ];
    const answer = await client.batch({ body: { resourceType: "Bundle", type: "batch", entry } });
    assert.deepEqual(answer.entry.map((e) => e.response.status.slice(0, 3)), ["200", "404", "200"]);
    assert.equal(answer.entry[2].resource.total, Math.floor(count / 2));
  });

  await say("the whole record", async () => {
    const record = await client.operation({ name: "everything", resourceType: "Patient", id: made.patient.id, method: "GET" });
    assert.equal(record.entry.length, count + 2);
  });

  await say("references are followed", async () => {
    const read = await client.read({ resourceType: "Observation", id: made.observation });
    const patient = await client.resolve({ reference: read.subject.reference });
    assert.equal(patient.id, made.patient.id);
  });

  await say("what is deleted is gone, and its history is not", async () => {
    await client.delete({ resourceType: "Observation", id: made.observation });
    assert.equal(await refused(client.read({ resourceType: "Observation", id: made.observation })), 410);
    const found = await client.search({ resourceType: "Observation", searchParams: { _id: made.observation } });
    assert.equal(found.total, 0);
    const history = await client.history({ resourceType: "Observation", id: made.observation });
    assert.deepEqual(history.entry.map((e) => e.request.method), ["DELETE", "POST"]);
  });

  await say("what is not there, not allowed, not a resource is refused in FHIR's words", async () => {
    assert.equal(await refused(client.read({ resourceType: "Patient", id: "none" })), 404);
    assert.equal(await refused(client.create({ resourceType: "Patient", body: { resourceType: "Observation" } })), 400);
    const reads = new Client({ baseUrl: base, bearerToken: reader });
    assert.equal((await reads.read({ resourceType: "Patient", id: made.patient.id })).id, made.patient.id);
    assert.equal(await refused(reads.create({ resourceType: "Patient", body: { resourceType: "Patient" } })), 403);
    const nobody = new Client({ baseUrl: base, bearerToken: "mach_t_wrong" });
    assert.equal(await refused(nobody.read({ resourceType: "Patient", id: made.patient.id })), 401);
  });
}

"""PyPI fhirpy does the job, fhir.resources judges the shape of everything that is read back.

usage: clients.py BASE TOKEN full|sampled; prints a line for each step, as run.mjs does.
"""

import sys
from decimal import Decimal

import requests
from fhir.resources.R4B import get_fhir_model_class
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound
from steps import end, step

BASE, TOKEN, HOW_MUCH = sys.argv[1:4]
COUNT = 300 if HOW_MUCH == "full" else 45
SYSTEM = "http://example.org/fhirpy"
client = SyncFHIRClient(BASE, authorization=f"Bearer {TOKEN}")


def plain(resource):
    """A fhirpy resource as plain JSON."""
    return resource.serialize() if hasattr(resource, "serialize") else dict(resource)


def judged(resource):
    """The shape of a resource, judged by pydantic models of R4B; these types did not change since R4."""
    resource = plain(resource)
    return get_fhir_model_class(resource["resourceType"]).model_validate(resource)


made = {}


@step("fhirpy: a patient is saved and read back")
def _():
    patient = client.resource(
        "Patient",
        identifier=[{"system": SYSTEM, "value": "py-1"}],
        name=[{"family": "Trần", "given": ["Văn", "Đức"]}],
        birthDate="1975-08-02",
        gender="male",
    )
    patient.save()
    assert patient.id and patient["meta"]["versionId"] == "1"
    read = client.reference("Patient", patient.id).to_resource()
    assert plain(read) == plain(patient), (plain(read), plain(patient))
    assert judged(read).name[0].family == "Trần"
    made["patient"] = patient


@step("fhirpy: many observations; each of them finds its patient")
def _():
    for n in range(COUNT):
        observation = client.resource(
            "Observation",
            status="final",
            code={"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
            subject=made["patient"].to_reference(),
            effectiveDateTime=f"2026-02-{n % 28 + 1:02d}T07:30:00+07:00",
            valueQuantity={"value": 100 + n, "unit": "g/L", "system": "http://unitsofmeasure.org", "code": "g/L"},
        )
        observation.save()
        assert observation["subject"].to_resource().id == made["patient"].id


@step("fhirpy: a lazy search walks all pages")
def _():
    found = list(client.resources("Observation").search(patient=made["patient"].id).limit(10))
    assert len(found) == COUNT, len(found)
    assert len({r.id for r in found}) == COUNT
    assert client.resources("Observation").search(patient=made["patient"].id).count() == COUNT


@step("fhirpy: comparisons, chains, reverse chains and includes")
def _():
    observations = client.resources("Observation").search(patient=made["patient"].id)
    first_days = observations.search(date__ge="2026-02-01", date__lt="2026-02-03").fetch_all()
    assert {r["effectiveDateTime"][8:10] for r in first_days} == {"01", "02"}
    assert len(observations.search(value_quantity__gt="120||g/L").fetch_all()) == COUNT - 21
    assert len(client.resources("Observation").search(patient__Patient__name="tran").fetch_all()) == COUNT
    has = client.resources("Patient").has("Observation", "patient", code="718-7").fetch_all()
    assert [p.id for p in has] == [made["patient"].id]
    bundle = observations.include("Observation", "subject").limit(5).fetch_raw()
    modes = [(e["search"]["mode"], e["resource"]["resourceType"]) for e in bundle["entry"]]
    assert modes.count(("include", "Patient")) == 1 and modes.count(("match", "Observation")) == 5, modes
    newest = observations.sort("-date", "_id").limit(1).fetch()[0]
    assert newest["effectiveDateTime"] == max(r["effectiveDateTime"] for r in observations.fetch_all())


@step("fhirpy: get finds one; none and several are told apart")
def _():
    found = client.resources("Patient").search(identifier=f"{SYSTEM}|py-1").get()
    assert found.id == made["patient"].id
    try:
        client.resources("Patient").search(_id="none").get()
        raise AssertionError("found what is not there")
    except ResourceNotFound:
        pass


@step("fhirpy: update, patch, conditional update")
def _():
    patient = client.reference("Patient", made["patient"].id).to_resource()
    patient["active"] = True
    patient.save()
    assert patient["meta"]["versionId"] == "2"
    by_number = client.resources("Patient").search(identifier=f"{SYSTEM}|py-1")
    changed = {**plain(patient), "gender": "other"}
    same, created = by_number.update(client.resource("Patient", **{k: v for k, v in changed.items() if k != "id"}))
    assert not created and same.id == patient.id and same["gender"] == "other"
    new = client.resource("Patient", identifier=[{"system": SYSTEM, "value": "py-2"}])
    other, created = client.resources("Patient").search(identifier=f"{SYSTEM}|py-2").update(new)
    assert created and other.id != patient.id
    made["other"] = other


@step("fhirpy: a conflict is refused and changes nothing")
def _():
    url = f"{BASE}/Patient/{made['patient'].id}"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/fhir+json", "If-Match": 'W/"1"'}
    now = requests.get(url, headers=headers, timeout=30).json()
    answer = requests.put(url, json={**now, "active": False}, headers=headers, timeout=30)
    assert answer.status_code == 412, answer.text
    judged(answer.json())
    assert requests.get(url, headers=headers, timeout=30).json() == now


@step("fhirpy: delete, then it is gone")
def _():
    made["other"].delete()
    try:
        client.reference("Patient", made["other"].id).to_resource()
        raise AssertionError("it is still there")
    except (ResourceNotFound, OperationOutcome):
        pass
    assert client.resources("Patient").search(_id=made["other"].id).count() == 0


@step("fhir.resources: every resource, Bundle and OperationOutcome has the shape of its type")
def _():
    headers = {"Authorization": f"Bearer {TOKEN}"}

    def got(path):
        return requests.get(f"{BASE}/{path}", headers=headers, timeout=60)

    seen = 0
    for path in ["Patient", "Observation?_count=100", "Encounter", "Organization", "_history?_count=100", "?_type=Patient"]:
        page = got(path).json()
        while page:
            bundle = judged(page)
            seen += len(bundle.entry or [])
            following = [link["url"] for link in page.get("link", []) if link["relation"] == "next"]
            page = requests.get(following[0], headers=headers, timeout=60).json() if following else None
    assert seen > COUNT, seen
    for path in ["Patient/none", "Patient?birthdate=never", "Nothing", "Patient/x/y/z"]:
        answer = got(path)
        assert 400 <= answer.status_code < 500
        assert judged(answer.json()).issue[0].diagnostics
    statement = judged(got("metadata").json())
    assert str(statement.fhirVersion) == "4.0.1" and len(statement.rest[0].resource) > 140


@step("fhir.resources: decimals keep their digits through the server")
def _():
    text = '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.500}}'
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/fhir+json"}
    answer = requests.post(f"{BASE}/Observation", data=text, headers=headers, timeout=30)
    assert answer.status_code == 201 and '"value":1.500' in answer.text.replace(" ", ""), answer.text
    model = get_fhir_model_class("Observation").model_validate_json(answer.text)
    assert model.valueQuantity.value == Decimal("1.5")


end()

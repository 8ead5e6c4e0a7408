// The golden table of who may open what: every route of the program, every role. A route that is not in the table fails.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join, sep } from "node:path";
import { Client } from "../lib/api.mjs";
import { root } from "../lib/paths.mjs";

const ROLES = ["nobody", "leader", "operator", "clinician", "administrator"];

// "METHOD route" → [example path, what nobody, leader, operator, clinician, administrator get]. `in`: sent to the sign-in form.
// Where a line is shorter, the last stands for the rest. Administrators see accounts and nothing of care or figures.
const PAGE = (leader, operator, clinician, administrator = 403) => ["in", leader, operator, clinician, administrator];
const API = (leader, operator, clinician, administrator = 403) => [401, leader, operator, clinician, administrator];
const TABLE = {
  "GET /": ["/", "in", 303, 303, 303],
  "GET /healthz": ["/healthz", 200, 200, 200, 200],
  "GET /sign-in": ["/sign-in", 200, 200, 200, 200],
  "POST /sign-in": ["/sign-in", 401, 401, 401, 401],
  "GET /assets/{file}": ["/assets/none.css", 404, 404, 404, 404],
  "GET /manifest.webmanifest": ["/manifest.webmanifest", 200],
  "GET /sw.js": ["/sw.js", 200],
  "GET /offline": ["/offline", 200],
  "GET /ui": ["/ui", 200, 200, 200, 200],
  "GET /ui/problem": ["/ui/problem", 404, 404, 404, 404],
  "GET /ui/sign-in": ["/ui/sign-in", 200, 200, 200, 200],

  "GET /work": ["/work", "in", 200],
  "GET /notices": ["/notices", "in", 200],
  "POST /notices/read": ["/notices/read", "in", 303],
  "GET /notices/{id}": ["/notices/999999999", "in", 404],
  "GET /look": ["/look", 200],
  "POST /look": ["/look", 303],
  "GET /search": ["/search?q=nguyen", "in", 200],

  "GET /claims": ["/claims", ...PAGE(200, 200, 403)],
  "GET /claims/files": ["/claims/files", ...PAGE(200, 200, 403)],
  "GET /claims/send": ["/claims/send", ...PAGE(403, 200, 403)],
  "POST /claims/send": ["/claims/send", ...PAGE(403, 400, 403)],
  "GET /claims/{id}": ["/claims/999999999", ...PAGE(404, 404, 403)],
  "POST /claims/{id}/recheck": ["/claims/999999999/recheck", ...PAGE(403, 404, 403)],
  "GET /claims/{id}/versions/{version}": ["/claims/999999999/versions/1", ...PAGE(404, 404, 403)],
  "POST /api/claims": ["/api/claims", ...API(403, 400, 403)],

  "GET /people": ["/people", ...PAGE(200, 403, 200)],
  "GET /people/review": ["/people/review", ...PAGE(200, 403, 403)],
  "POST /people/review/{item}": ["/people/review/999999999", ...PAGE(404, 403, 403)],
  "POST /people/merges/{merge}/undo": ["/people/merges/999999999/undo", ...PAGE(404, 403, 403)],
  "GET /people/{person}": ["/people/999999999", ...PAGE(404, 403, 404)],
  "GET /people/{person}/resources/{kind}/{id}": ["/people/999999999/resources/Patient/1", ...PAGE(404, 403, 404)],

  "GET /hoc": ["/hoc", ...PAGE(200, 200, 200)],
  "GET /hoc/indicators": ["/hoc/indicators", ...PAGE(200, 200, 200)],
  "GET /hoc/indicators/{id}": ["/hoc/indicators/CD01", ...PAGE(200, 200, 200)],
  "GET /hoc/claims": ["/hoc/claims?indicator=CD01", ...PAGE(200, 200, 200)],
  "GET /hoc/diseases": ["/hoc/diseases", ...PAGE(200, 200, 200)],
  "GET /hoc/freshness": ["/hoc/freshness", ...PAGE(200, 200, 200)],
  "GET /api/indicators": ["/api/indicators", ...API(200, 200, 200)],
  "GET /api/indicators/{id}": ["/api/indicators/CD01", ...API(200, 200, 200)],

  // Open: anybody checks the paper in their hand; nothing of the record is asked.
  "GET /verify": ["/verify", 200],
  "POST /verify": ["/verify", 400],
  "GET /verify/list": ["/verify/list", 200],
  "GET /verify/papers.tsv": ["/verify/papers.tsv", 200],

  // Apps: what they ask about themselves is open; what they fetch wants their proof.
  "GET /fhir/.well-known/smart-configuration": ["/fhir/.well-known/smart-configuration", 200],
  "GET /.well-known/openid-configuration": ["/.well-known/openid-configuration", 200],
  "GET /.well-known/oauth-authorization-server": ["/.well-known/oauth-authorization-server", 200],
  "GET /oauth/jwks": ["/oauth/jwks", 200],
  "POST /oauth/token": ["/oauth/token", 401],
  "POST /oauth/introspect": ["/oauth/introspect", 400],
  "POST /oauth/revoke": ["/oauth/revoke", 400],
  "GET /oauth/userinfo": ["/oauth/userinfo", 401],
  "POST /oauth/userinfo": ["/oauth/userinfo", 401],
  "GET /oauth/authorize": ["/oauth/authorize", 400],
  "POST /oauth/authorize": ["/oauth/authorize", 400],
  "GET /apps/launch/{person}": ["/apps/launch/999999999", ...PAGE(404, 403, 404)],
  "POST /apps/launch/{person}": ["/apps/launch/999999999", ...PAGE(404, 403, 404)],
  "GET /account/apps": ["/account/apps", ...PAGE(200, 200, 200, 200)],
  "POST /account/apps/{app}/end": ["/account/apps/999999999/end", ...PAGE(404, 404, 404, 404)],

  // Open: it holds commitments, and nothing of anybody.
  "GET /log/checkpoint": ["/log/checkpoint", 200],
  "GET /log/tile/{*path}": ["/log/tile/9/999", 404],

  // Every method of the FHIR interface comes to one handler; what a session may read shows the policy.
  "GET /fhir/metadata": ["/fhir/metadata", 200, 200, 200, 200],
  // Open: what may be bound is decided by message. Without an upgrade it is a bad request for everybody.
  "GET /fhir/$ws": ["/fhir/$ws", 400, 400, 400, 400],
  "ANY /fhir": ["/fhir", ...API(200, 403, 200)],
  "ANY /fhir/": ["/fhir/", ...API(200, 403, 200)],
  "POST /fhir/$import": ["/fhir/$import", ...API(403, 403, 400)],
  "ANY /fhir/{*path}": ["/fhir/Patient/none", ...API(404, 403, 404)],

  "GET /sign-in/code": ["/sign-in/code", "in", 303],
  "POST /sign-in/code": ["/sign-in/code", "in", 303],
  "GET /sign-in/passkey": ["/sign-in/passkey", 200],
  // They take JSON: what is none is refused before anything is looked at.
  "POST /passkey": ["/passkey", 415],
  "POST /passkey/options": ["/passkey/options", 415],
  // No provider is set up.
  "GET /sign-in/with/{provider}": ["/sign-in/with/none", 404],
  "GET /sign-in/back/{provider}": ["/sign-in/back/none", 404],
  "GET /sign-in/out/{provider}": ["/sign-in/out/none", 404],
  "POST /sign-in/ended/{provider}": ["/sign-in/ended/none", 404],
  "GET /prove": ["/prove", "in", 200],
  "POST /prove": ["/prove", "in", 401],
  "GET /recover": ["/recover", 200],
  "POST /recover": ["/recover", 401],

  "GET /account": ["/account", "in", 200],
  "POST /account/password": ["/account/password", "in", 400],
  "GET /account/second-factor": ["/account/second-factor", "in", 404],
  "POST /account/second-factor": ["/account/second-factor", "in", 404],
  "POST /account/second-factor/new": ["/account/second-factor/new", "in", 303],
  "POST /account/second-factor/remove": ["/account/second-factor/remove", "in", 303],
  "GET /account/passkeys": ["/account/passkeys", "in", 200],
  "POST /account/passkeys": ["/account/passkeys", "in", 415],
  "POST /account/passkeys/options": ["/account/passkeys/options", "in", 200],
  "POST /account/passkeys/{id}/remove": ["/account/passkeys/999999999/remove", "in", 404],
  "GET /prove/with/{provider}": ["/prove/with/none", "in", 404],
  "GET /admin/sign-on": ["/admin/sign-on", ...PAGE(403, 403, 403, 303)],
  "GET /admin/sign-on/{link}": ["/admin/sign-on/999999999", ...PAGE(403, 403, 403, 303)],
  "POST /admin/sign-on/{link}/end": ["/admin/sign-on/999999999/end", ...PAGE(403, 403, 403, 303)],
  "GET /account/sign-on": ["/account/sign-on", "in", 200],
  "POST /account/sign-on": ["/account/sign-on", "in", 400],
  "GET /account/sign-on/with/{provider}": ["/account/sign-on/with/none", "in", 404],
  "POST /account/sign-on/{link}/end": ["/account/sign-on/999999999/end", "in", 404],
  "POST /account/sessions/{mark}/end": ["/account/sessions/00/end", "in", 404],
  // An administrator without a second factor is sent to turn it on.
  "GET /admin/apps": ["/admin/apps", ...PAGE(403, 403, 403, 303)],
  "GET /admin/apps/new": ["/admin/apps/new", ...PAGE(403, 403, 403, 303)],
  "POST /admin/apps/new": ["/admin/apps/new", ...PAGE(403, 403, 403, 303)],
  "GET /admin/apps/{id}": ["/admin/apps/1", ...PAGE(403, 403, 403, 303)],
  "POST /admin/apps/{id}": ["/admin/apps/1", ...PAGE(403, 403, 403, 303)],
  "POST /admin/apps/{id}/secret": ["/admin/apps/1/secret", ...PAGE(403, 403, 403, 303)],
  "POST /admin/apps/{id}/end": ["/admin/apps/1/end", ...PAGE(403, 403, 403, 303)],
  "POST /admin/apps/{id}/grants/{grant}/end": ["/admin/apps/1/grants/1/end", ...PAGE(403, 403, 403, 303)],
  "GET /admin/accounts": ["/admin/accounts", ...PAGE(403, 403, 403, 303)],
  "GET /admin/accounts/new": ["/admin/accounts/new", ...PAGE(403, 403, 403, 303)],
  "POST /admin/accounts/new": ["/admin/accounts/new", ...PAGE(403, 403, 403, 303)],
  "GET /admin/accounts/{id}": ["/admin/accounts/1", ...PAGE(403, 403, 403, 303)],
  "POST /admin/accounts/{id}": ["/admin/accounts/1", ...PAGE(403, 403, 403, 303)],
  "POST /admin/accounts/{id}/invite": ["/admin/accounts/1/invite", ...PAGE(403, 403, 403, 303)],
  "POST /admin/accounts/{id}/recovery": ["/admin/accounts/1/recovery", ...PAGE(403, 403, 403, 303)],
  "POST /admin/recoveries/{id}": ["/admin/recoveries/1", ...PAGE(403, 403, 403, 303)],
  "GET /people/emergency": ["/people/emergency", ...PAGE(403, 403, 200)],
  "POST /people/emergency": ["/people/emergency", ...PAGE(403, 403, 400)],
  "GET /access/reviews": ["/access/reviews", ...PAGE(200, 403, 403, 200)],
  "POST /access/reviews/{id}": ["/access/reviews/999999999", ...PAGE(404, 403, 403, 404)],
  // Open: a number and the code sent to its owner are the key.
  "GET /access/desk": ["/access/desk", ...PAGE(200, 200, 200, 200)],
  "POST /access/desk": ["/access/desk", ...PAGE(400, 400, 400, 403)],
  "GET /access/desk/{id}": ["/access/desk/999999999", ...PAGE(404, 404, 404, 404)],
  "POST /access/desk/{id}": ["/access/desk/999999999", ...PAGE(404, 403, 403, 404)],
  "POST /access/desk/{id}/code": ["/access/desk/999999999/code", ...PAGE(404, 404, 404)],
  "POST /access/desk/{id}/end": ["/access/desk/999999999/end", ...PAGE(404, 404, 404, 404)],
  "POST /access/desk/{id}/withdraw": ["/access/desk/999999999/withdraw", ...PAGE(404, 404, 404, 404)],
  "POST /access/desk/{id}/reopen": ["/access/desk/999999999/reopen", ...PAGE(404, 403, 403, 404)],
  "POST /access/desk/{id}/papers": ["/access/desk/999999999/papers", ...PAGE(404, 404, 404)],
  "GET /access/desk/{id}/papers/{paper}": ["/access/desk/999999999/papers/1", ...PAGE(404, 404, 404, 404)],
  "GET /access/desk/{id}/copies/{copy}": ["/access/desk/999999999/copies/1", ...PAGE(404, 404, 404)],
  "POST /access/desk/{id}/copies/{copy}": ["/access/desk/999999999/copies/1", ...PAGE(404, 404, 404)],
  "GET /access/protected": ["/access/protected", ...PAGE(200, 403, 403)],
  "POST /access/protected": ["/access/protected", ...PAGE(400, 403, 403)],
  "GET /access/protected/{id}": ["/access/protected/999999999", ...PAGE(404, 403, 403)],
  "POST /access/protected/{id}/end": ["/access/protected/999999999/end", ...PAGE(404, 403, 403)],
  "POST /access/protected/{id}/names": ["/access/protected/999999999/names", ...PAGE(404, 403, 403)],
  "POST /access/protected/{id}/names/{grant}/end": ["/access/protected/999999999/names/1/end", ...PAGE(404, 403, 403)],
  "GET /access/proxies": ["/access/proxies", ...PAGE(403, 200, 403)],
  "POST /access/proxies": ["/access/proxies", ...PAGE(403, 400, 403)],
  "POST /access/proxies/guardians": ["/access/proxies/guardians", ...PAGE(403, 400, 403)],
  "GET /access/proxies/{id}/scan": ["/access/proxies/999999999/scan", ...PAGE(403, 404, 403)],
  "POST /access/proxies/{id}/end": ["/access/proxies/999999999/end", ...PAGE(403, 404, 403)],
  "GET /desk/copies/{copy}": ["/desk/copies/1", ...PAGE(403, 403, 403)],
  // Open: a number and a code are asked, and the answer is the same whatever is typed.
  "GET /desk": ["/desk", 200],
  "POST /desk": ["/desk", 401],
  "GET /desk/view": ["/desk/view", ...PAGE(403, 403, 403)],
  "GET /desk/facts/{grant}": ["/desk/facts/1", ...PAGE(403, 403, 403)],

  "GET /me/sign-in": ["/me/sign-in", 200],
  "POST /me/sign-in": ["/me/sign-in", 200],
  "GET /me/sign-in/code": ["/me/sign-in/code", 303],
  "POST /me/sign-in/code": ["/me/sign-in/code", 401],
  "GET /me": ["/me", ...PAGE(403, 403, 403)],
  "GET /me/looks/{person}": ["/me/looks/1", ...PAGE(403, 403, 403)],
  "POST /me/share": ["/me/share", ...PAGE(403, 403, 403)],
  "POST /me/share/{id}/end": ["/me/share/1/end", ...PAGE(403, 403, 403)],
  "POST /me/refusal": ["/me/refusal", ...PAGE(403, 403, 403)],
  "GET /admin/care": ["/admin/care", ...PAGE(403, 403, 403, 303)],
  "GET /admin/care/{account}": ["/admin/care/1", ...PAGE(403, 403, 403, 303)],
  "POST /admin/care/{account}": ["/admin/care/1", ...PAGE(403, 403, 403, 303)],
  "GET /admin/access": ["/admin/access", ...PAGE(403, 403, 403, 303)],
  "GET /admin/facilities": ["/admin/facilities", ...PAGE(403, 403, 403, 303)],
  "GET /admin/facilities/new": ["/admin/facilities/new", ...PAGE(403, 403, 403, 303)],
  "POST /admin/facilities/new": ["/admin/facilities/new", ...PAGE(403, 403, 403, 303)],
  "POST /admin/facilities/new/{draft}/drop": ["/admin/facilities/new/setup-0000000000/drop", ...PAGE(403, 403, 403, 303)],
  "GET /admin/facilities/new/{draft}/{step}": ["/admin/facilities/new/setup-0000000000/staff", ...PAGE(403, 403, 403, 303)],
  "POST /admin/facilities/new/{draft}/{step}": ["/admin/facilities/new/setup-0000000000/staff", ...PAGE(403, 403, 403, 303)],
  "GET /admin/facilities/template.xlsx": ["/admin/facilities/template.xlsx", ...PAGE(403, 403, 403, 303)],
  "POST /admin/facilities/import": ["/admin/facilities/import", ...PAGE(403, 403, 403, 303)],
  "GET /admin/facilities/{code}": ["/admin/facilities/46001", ...PAGE(403, 403, 403, 303)],
  "GET /admin/facilities/{code}/facility.xlsx": ["/admin/facilities/46001/facility.xlsx", ...PAGE(403, 403, 403, 303)],
  "GET /admin/facilities/{code}/edit/{sheet}": ["/admin/facilities/46001/edit/rooms", ...PAGE(403, 403, 403, 303)],
  "POST /admin/facilities/{code}/edit/{sheet}": ["/admin/facilities/46001/edit/rooms", ...PAGE(403, 403, 403, 303)],
  "POST /admin/facilities/{code}/{act}": ["/admin/facilities/46001/undo", ...PAGE(403, 403, 403, 303)],
  "GET /admin/forms": ["/admin/forms", ...PAGE(403, 403, 403, 303)],
  "POST /admin/forms": ["/admin/forms", ...PAGE(403, 403, 403, 303)],
  "GET /admin/forms/preview": ["/admin/forms/preview?form=x", ...PAGE(403, 403, 403, 303)],
  "POST /admin/forms/preview": ["/admin/forms/preview?form=x", ...PAGE(403, 403, 403, 303)],
  "GET /admin/forms/paper": ["/admin/forms/paper?form=x", ...PAGE(403, 403, 403, 303)],
  "GET /admin/forms/file": ["/admin/forms/file?form=x", ...PAGE(403, 403, 403, 303)],
  "POST /admin/forms/status": ["/admin/forms/status", ...PAGE(403, 403, 403, 303)],

  "GET /admin/signatures": ["/admin/signatures", ...PAGE(403, 403, 403, 303)],
  "POST /admin/signatures/policy": ["/admin/signatures/policy", ...PAGE(403, 403, 403, 303)],
  "GET /admin/signatures/signer": ["/admin/signatures/signer", ...PAGE(403, 403, 403, 303)],
  "POST /admin/signatures/signer": ["/admin/signatures/signer", ...PAGE(403, 403, 403, 303)],
  "POST /admin/signatures/end": ["/admin/signatures/end", ...PAGE(403, 403, 403, 303)],
  "GET /admin/signatures/pin": ["/admin/signatures/pin?id=1&facility=46001", ...PAGE(403, 403, 403, 303)],
  "POST /admin/signatures/pin": ["/admin/signatures/pin", ...PAGE(403, 403, 403, 303)],
  "GET /certificates": ["/certificates", ...PAGE(200, 200, 200)],
  "GET /certificates/new": ["/certificates/new", ...PAGE(403, 403, 200)],
  "POST /certificates/new": ["/certificates/new", ...PAGE(403, 403, 400)],
  "GET /certificates/case/{code}": ["/certificates/case/AAAAAAAAAAAA", ...PAGE(404, 404, 404)],
  "GET /certificates/case/{code}/part/{part}": ["/certificates/case/AAAAAAAAAAAA/part/eye", ...PAGE(403, 403, 404)],
  "POST /certificates/case/{code}/part/{part}": ["/certificates/case/AAAAAAAAAAAA/part/eye", ...PAGE(403, 403, 404)],
  "GET /certificates/case/{code}/paper": ["/certificates/case/AAAAAAAAAAAA/paper", ...PAGE(404, 404, 404)],
  "GET /certificates/case/{code}/certificate.pdf": ["/certificates/case/AAAAAAAAAAAA/certificate.pdf", ...PAGE(404, 404, 404)],
  "GET /certificates/case/{code}/declare": ["/certificates/case/AAAAAAAAAAAA/declare", ...PAGE(403, 403, 404)],
  "POST /certificates/case/{code}/declare": ["/certificates/case/AAAAAAAAAAAA/declare", ...PAGE(403, 403, 404)],
  "POST /certificates/case/{code}/declare/question": ["/certificates/case/AAAAAAAAAAAA/declare/question", ...PAGE(403, 403, 404)],
  "POST /certificates/case/{code}/{act}": ["/certificates/case/AAAAAAAAAAAA/correct", ...PAGE(403, 403, 400)],
  "GET /certificates/files/{id}": ["/certificates/files/none", ...PAGE(404, 404, 404)],
  "GET /certificates/import": ["/certificates/import", ...PAGE(403, 403, 200)],
  "POST /certificates/import": ["/certificates/import", ...PAGE(403, 403, 400)],
  "GET /certificates/statistics": ["/certificates/statistics", ...PAGE(200, 200, 200)],
  "GET /certificates/statistics.csv": ["/certificates/statistics.csv", ...PAGE(200, 200, 200)],
  // Open: by the code on a paper, and no more than the paper says.
  "GET /certificates/sign": ["/certificates/sign", ...PAGE(403, 403, 200)],
  "POST /certificates/sign": ["/certificates/sign", ...PAGE(403, 403, 400)],
  "POST /certificates/delegate": ["/certificates/delegate", ...PAGE(403, 403, 403)],
  "POST /certificates/delegate/end": ["/certificates/delegate/end", ...PAGE(403, 403, 403)],
  "GET /certificates/check": ["/certificates/check?code=AAAAAAAAAAAA", 200],
  "GET /vaccines": ["/vaccines", ...PAGE(200, 200, 200)],
  "GET /vaccines/people/{person}": ["/vaccines/people/999999999", ...PAGE(404, 404, 404)],
  "POST /vaccines/people/{person}/issue": ["/vaccines/people/999999999/issue", ...PAGE(403, 403, 403)],
  "GET /vaccines/passes/{code}/pass.pdf": ["/vaccines/passes/AAAA/pass.pdf", ...PAGE(404, 404, 404)],
  "GET /vaccines/passes/{code}/qr.txt": ["/vaccines/passes/AAAA/qr.txt", ...PAGE(404, 404, 404)],
  "POST /vaccines/passes/{code}/revoke": ["/vaccines/passes/AAAA/revoke", ...PAGE(403, 403, 403)],
  "GET /vaccines/import": ["/vaccines/import", ...PAGE(403, 200, 200)],
  "POST /vaccines/import": ["/vaccines/import", ...PAGE(403, 400, 400)],
  "GET /vaccines/import/{file}": ["/vaccines/import/999999999", ...PAGE(403, 404, 404)],
  "GET /vaccines/queue": ["/vaccines/queue", ...PAGE(200, 200, 200)],
  "GET /vaccines/queue/{id}": ["/vaccines/queue/999999999", ...PAGE(403, 404, 404)],
  "POST /vaccines/queue/{id}": ["/vaccines/queue/999999999", ...PAGE(403, 404, 404)],
  "GET /vaccines/batches": ["/vaccines/batches", ...PAGE(200, 403, 403, 200)],
  "POST /vaccines/batches": ["/vaccines/batches", ...PAGE(400, 403, 403, 400)],
  // Open: marks of passes taken back, no name and no code.
  "GET /vaccines/revoked": ["/vaccines/revoked", 200],
  // By a session: who signs. By a secret of one use: the program on the signer's machine.
  "GET /signing/desktop": ["/signing/desktop", ...PAGE(403, 403, 200)],
  "GET /signing/desktop/{act}/{code}": ["/signing/desktop/conclude/AAAAAAAAAAAA", ...PAGE(403, 403, 404)],
  "POST /signing/desktop/{act}/{code}": ["/signing/desktop/conclude/AAAAAAAAAAAA", ...PAGE(403, 403, 404)],
  "GET /signing/state/{act}/{code}": ["/signing/state/conclude/AAAAAAAAAAAA", ...PAGE(403, 403, 404)],
  "GET /demo/phone": ["/demo/phone", ...PAGE(403, 403, 200)],
  "POST /demo/phone/{transaction}": ["/demo/phone/0000", ...PAGE(403, 403, 404)],
  "POST /signing/file/{secret}": ["/signing/file/0000", 404],
  "GET /signing/file/{secret}/{name}": ["/signing/file/0000/x.pdf", 404],
  "GET /prescriptions": ["/prescriptions", ...PAGE(403, 200, 200)],
  "GET /prescriptions/new": ["/prescriptions/new", ...PAGE(403, 403, 200)],
  "POST /prescriptions/new": ["/prescriptions/new", ...PAGE(403, 403, 400)],
  "GET /prescriptions/case/{code}": ["/prescriptions/case/46001aaaaaaa-c", ...PAGE(403, 404, 404)],
  "GET /prescriptions/case/{code}/prescription.pdf": ["/prescriptions/case/46001aaaaaaa-c/prescription.pdf", ...PAGE(403, 404, 404)],
  "POST /prescriptions/case/{code}/{act}": ["/prescriptions/case/46001aaaaaaa-c/send", ...PAGE(403, 403, 404)],
  "GET /prescriptions/dispense": ["/prescriptions/dispense", ...PAGE(403, 200, 200)],
  "POST /prescriptions/dispense/{code}": ["/prescriptions/dispense/46001aaaaaaa-c", ...PAGE(403, 404, 404)],
  "POST /prescriptions/dispense/{code}/question": ["/prescriptions/dispense/46001aaaaaaa-c/question", ...PAGE(403, 404, 404)],
  "GET /prescriptions/dispense/{code}/receipt/{mark}": ["/prescriptions/dispense/46001aaaaaaa-c/receipt/000000000000", ...PAGE(403, 404, 404)],
  "POST /api/prescriptions/{code}/receipt": ["/api/prescriptions/46001aaaaaaa-c/receipt", ...API(403, 404, 404)],
  "GET /api/prescriptions/openapi.json": ["/api/prescriptions/openapi.json", 200],
  "GET /api/prescriptions/{code}": ["/api/prescriptions/46001aaaaaaa-c", ...API(403, 404, 404)],
  "POST /api/prescriptions/{code}/dispense": ["/api/prescriptions/46001aaaaaaa-c/dispense", ...API(403, 404, 404)],
  "POST /api/certificates": ["/api/certificates", ...API(403, 403, 422)],
  "GET /api/certificates/look-up": ["/api/certificates/look-up?code=A&purpose=thanh%20tra", ...API(200, 403, 403)],
  "GET /api/certificates/openapi.json": ["/api/certificates/openapi.json", 200],
  "GET /api/certificates/{code}": ["/api/certificates/AAAAAAAAAAAA", ...API(404, 404, 404)],

  // Last: they end what the lines above need.
  "POST /lock": ["/lock", "in", 303],
  "POST /sign-out": ["/sign-out", "in", "in", "in", "in"],
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
  ]);
  for (const [route, [path, ...expected]] of Object.entries(TABLE)) {
    // Each alone: one wrong line does not hide the others.
    await report.journey("policy", [[route, async () => {
      const given = {};
      for (const role of ROLES) given[role] = await ask(clients[role], route.split(" ")[0].replace("ANY", "GET"), path);
      assert.deepEqual(given, Object.fromEntries(ROLES.map((role, i) => [role, expected[i] ?? expected.at(-1)])));
    }]]);
  }
}

/** Bodies that are well formed, so that the answer is the policy's. */
const BODIES = {
  "POST /look": ["application/x-www-form-urlencoded", "theme=system&size=normal"],
  "POST /notices/read": ["application/x-www-form-urlencoded", "until=1"],
  "POST /people/review/999999999": ["application/x-www-form-urlencoded", "verdict=apart&why=x"],
  "POST /people/emergency": ["application/x-www-form-urlencoded", "number=000000000000&reason=mot+ly+do+du+dai"],
  "POST /access/reviews/999999999": ["application/x-www-form-urlencoded", "verdict=order"],
  "POST /access/desk": ["application/x-www-form-urlencoded", "name="],
  "POST /access/desk/999999999": ["application/x-www-form-urlencoded", "verdict=approve"],
  "POST /access/protected": ["application/x-www-form-urlencoded", "number="],
  "POST /access/protected/999999999/names": ["application/x-www-form-urlencoded", "account="],
  "POST /access/proxies": ["application/x-www-form-urlencoded", "child="],
  "POST /access/proxies/guardians": ["multipart/form-data; boundary=x", '--x\r\ncontent-disposition: form-data; name="other"\r\n\r\n\r\n--x--\r\n'],
  "POST /access/desk/999999999/papers": ["multipart/form-data; boundary=x", '--x\r\ncontent-disposition: form-data; name="other"\r\n\r\n\r\n--x--\r\n'],
  "POST /desk": ["application/x-www-form-urlencoded", "number=1&code=x"],
  "POST /me/sign-in": ["application/x-www-form-urlencoded", "number=000000000000"],
  "POST /me/sign-in/code": ["application/x-www-form-urlencoded", "number=000000000000&code=1"],
  "POST /me/share": ["application/x-www-form-urlencoded", "number=000000000000&until=2030-01-01"],
  "POST /me/refusal": ["application/x-www-form-urlencoded", "refuse=1"],
  "POST /sign-in": ["application/x-www-form-urlencoded", "username=khong-co-ai&password=sai"],
  "POST /sign-in/code": ["application/x-www-form-urlencoded", "code=1"],
  "POST /sign-in/ended/none": ["application/x-www-form-urlencoded", "logout_token=x"],
  "POST /admin/sign-on/999999999/end": ["application/x-www-form-urlencoded", "why=x"],
  "POST /account/sign-on": ["application/x-www-form-urlencoded", "wish=x"],
  "POST /prove": ["application/x-www-form-urlencoded", "password=sai"],
  "POST /recover": ["application/x-www-form-urlencoded", "username=khong-co-ai&code=sai&password=mot-cau-rat-dai"],
  "POST /account/password": ["application/x-www-form-urlencoded", "current=sai&password=ngan&again=ngan"],
  "POST /account/second-factor": ["application/x-www-form-urlencoded", "code=1"],
  "POST /admin/care/1": ["application/x-www-form-urlencoded", "practitioner=&ward="],
  "POST /apps/launch/999999999": ["application/x-www-form-urlencoded", "app=1"],
  "POST /admin/apps/new": ["application/x-www-form-urlencoded", "name=x"],
  "POST /admin/apps/1": ["application/x-www-form-urlencoded", "name=x"],
  "POST /admin/apps/1/end": ["application/x-www-form-urlencoded", "what=end"],
  "POST /oauth/token": ["application/x-www-form-urlencoded", "grant_type=x"],
  "POST /oauth/introspect": ["application/x-www-form-urlencoded", "x=1"],
  "POST /oauth/revoke": ["application/x-www-form-urlencoded", "x=1"],
  "POST /admin/accounts/new": ["application/x-www-form-urlencoded", "name=a1&display=A&role=leader"],
  "POST /admin/accounts/1": ["application/x-www-form-urlencoded", "display=A&role=leader"],
  "POST /admin/forms": ["multipart/form-data; boundary=x", '--x\r\ncontent-disposition: form-data; name="other"\r\n\r\n\r\n--x--\r\n'],
  "POST /admin/forms/preview?form=x": ["multipart/form-data; boundary=x", '--x\r\ncontent-disposition: form-data; name="other"\r\n\r\n\r\n--x--\r\n'],
  "POST /admin/facilities/import": ["multipart/form-data; boundary=x", '--x\r\ncontent-disposition: form-data; name="other"\r\n\r\n\r\n--x--\r\n'],
  "POST /admin/facilities/new/setup-0000000000/staff": ["application/x-www-form-urlencoded", "do=next"],
  "POST /admin/facilities/46001/edit/rooms": ["application/x-www-form-urlencoded", "do=next"],
  "POST /admin/facilities/46001/undo": ["application/x-www-form-urlencoded", "do=next"],
  "POST /admin/forms/status": ["application/x-www-form-urlencoded", "form=x&status=retired"],
  "POST /certificates/case/AAAAAAAAAAAA/part/eye": ["multipart/form-data; boundary=x", '--x\r\ncontent-disposition: form-data; name="other"\r\n\r\n\r\n--x--\r\n'],
  "POST /certificates/case/AAAAAAAAAAAA/declare": ["application/x-www-form-urlencoded", "do=code"],
  "POST /certificates/case/AAAAAAAAAAAA/correct": ["application/x-www-form-urlencoded", "x=1"],
  "POST /certificates/import": ["multipart/form-data; boundary=x", '--x\r\ncontent-disposition: form-data; name="other"\r\n\r\n\r\n--x--\r\n'],
  "POST /certificates/sign": ["application/x-www-form-urlencoded", "x=1"],
  "POST /certificates/delegate": ["application/x-www-form-urlencoded", "x=1"],
  "POST /certificates/delegate/end": ["application/x-www-form-urlencoded", "id=1"],
  "POST /admin/signatures/policy": ["application/x-www-form-urlencoded", "x=1"],
  "POST /admin/signatures/signer": ["application/x-www-form-urlencoded", "x=1"],
  "POST /admin/signatures/end": ["application/x-www-form-urlencoded", "id=1&facility=46001"],
  "POST /admin/signatures/pin": ["application/x-www-form-urlencoded", "id=1&facility=46001&pin=0000"],
  "POST /vaccines/import": ["multipart/form-data; boundary=x", '--x\r\ncontent-disposition: form-data; name="other"\r\n\r\n\r\n--x--\r\n'],
  "POST /vaccines/people/999999999/issue": ["application/x-www-form-urlencoded", ""],
  "POST /vaccines/passes/AAAA/revoke": ["application/x-www-form-urlencoded", "why=x"],
  "POST /vaccines/queue/999999999": ["application/x-www-form-urlencoded", "number=1"],
  "POST /vaccines/batches": ["application/x-www-form-urlencoded", "do=x"],
  "POST /demo/phone/0000": ["application/x-www-form-urlencoded", "do=agree"],
  "POST /prescriptions/new": ["application/x-www-form-urlencoded", "do=find"],
  "POST /prescriptions/case/46001aaaaaaa-c/send": ["application/x-www-form-urlencoded", "x=1"],
  "POST /prescriptions/dispense/46001aaaaaaa-c": ["application/x-www-form-urlencoded", "invoice=1"],
  "POST /prescriptions/dispense/46001aaaaaaa-c/question": ["application/x-www-form-urlencoded", "invoice=1"],
  "POST /api/prescriptions/46001aaaaaaa-c/receipt": ["application/json", '{"invoice":"1","lines":[]}'],
  "POST /api/prescriptions/46001aaaaaaa-c/dispense": ["application/json", '{"invoice":"1","lines":[]}'],
  "POST /certificates/new": ["application/x-www-form-urlencoded", "do=receive"],
  "POST /api/certificates": ["application/json", "{}"],
  "POST /admin/recoveries/1": ["application/x-www-form-urlencoded", "verdict=allow"],
  "POST /claims/send": ["multipart/form-data; boundary=x", '--x\r\ncontent-disposition: form-data; name="other"\r\n\r\n\r\n--x--\r\n'],
};

/** The status, or `in` where the answer leads to the sign-in form. */
async function ask(client, method, path) {
  const [type, body] = BODIES[`${method} ${path}`] ?? [];
  const answer = await client.request(path, { method, body, headers: type ? { "content-type": type } : {} });
  assert.ok(answer.headers.get("content-security-policy"), "a content security policy");
  const toSignIn = answer.status === 303 && (answer.headers.get("location") ?? "").startsWith("/sign-in");
  return toSignIn ? "in" : answer.status;
}


/** Every `.route("…", get(…).post(…))` of the product's sources, as "METHOD path". */
function routes() {
  const found = [];
  for (const file of sources(join(root, "crates"))) {
    const text = readFileSync(file, "utf8").split("#[cfg(test)]")[0];
    for (const [, path, rest] of text.matchAll(/\.route\(\s*"([^"]+)",\s*([\s\S]*?)(?=\.route\(|\.merge\(|\.with_state\(|\.nest\(|;|\n})/g)) {
      for (const [, method] of rest.matchAll(/\b(get|post|put|delete|patch|any)\(/g)) found.push(`${method.toUpperCase()} ${path}`);
    }
  }
  return found.sort();
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    // The witness is another server; unit tests mount routes of their own.
    if (["witness.rs", "tests.rs"].includes(entry.name)) return [];
    if (entry.isDirectory()) return ["tests", "examples", "target"].includes(entry.name) ? [] : sources(path);
    return path.endsWith(".rs") && path.includes(`${sep}src${sep}`) ? [path] : [];
  });
}

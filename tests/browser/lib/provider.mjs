// A provider of OpenID Connect, as small as one can be: one page on which somebody says who they are, tokens of ES256, userinfo.
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

export const CLIENT = "mach";
export const SECRET = "bí mật của hành trình";

const part = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** Listens; `people`: what userinfo says, by subject. */
export async function provider(people) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const codes = new Map();
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    const json = (value, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    let body = "";
    for await (const chunk of request) body += chunk;
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return json({
          issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, userinfo_endpoint: `${issuer}/userinfo`,
          jwks_uri: `${issuer}/keys`, end_session_endpoint: `${issuer}/end`, authorization_response_iss_parameter_supported: true,
        });
      case "/keys":
        return json({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", use: "sig", alg: "ES256" }] });
      case "/authorize": {
        const asked = Object.fromEntries(url.searchParams);
        const link = (sub) => {
          const code = randomUUID();
          codes.set(code, { ...asked, sub });
          const back = new URLSearchParams({ code, state: asked.state, iss: issuer });
          return `<li><a href="${asked.redirect_uri}?${back}">${sub}</a></li>`;
        };
        const no = new URLSearchParams({ error: "access_denied", state: asked.state, iss: issuer });
        const list = [...people.keys()].map(link).join("");
        response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
        return response.end(`<!doctype html><html lang="vi"><title>SSO</title><h1>SSO</h1><ul>${list}</ul><a id="no" href="${asked.redirect_uri}?${no}">Huỷ</a>`);
      }
      case "/token": {
        const form = new URLSearchParams(body);
        const found = codes.get(form.get("code"));
        codes.delete(form.get("code"));
        const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
        if (!found || found.code_challenge !== challenge) return json({ error: "invalid_grant" }, 400);
        const now = Math.floor(Date.now() / 1_000);
        // Whoever presses their name on the page of above has just proved who they are.
        const claims = { iss: issuer, aud: CLIENT, sub: found.sub, nonce: found.nonce, iat: now, exp: now + 300, auth_time: now, acr: "loa2" };
        const signed = `${part({ alg: "ES256", kid: "k" })}.${part(claims)}`;
        const signature = sign("sha256", signed, { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url");
        return json({ access_token: found.sub, token_type: "Bearer", id_token: `${signed}.${signature}` });
      }
      case "/userinfo": {
        const sub = Buffer.from(request.headers.authorization?.replace("Bearer ", "") ?? "", "latin1").toString();
        return json({ sub, preferred_username: sub, ...people.get(sub) });
      }
      default:
        return response.writeHead(404).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${server.address().port}`;
  return {
    issuer,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

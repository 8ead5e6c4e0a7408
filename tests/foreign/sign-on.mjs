// npm oidc-provider, the certified one, signs people on here: found by discovery, with PKCE, tokens of each algorithm, each proof of ours;
// it tells that somebody signed out, and refuses what is not right.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import Provider from "oidc-provider";

// What RFC 6749 lets a secret be made of, and what has to be written otherwise on the way.
const SECRET = "mat khau chung: 100% & +";

/** A browser: cookies by origin, redirects followed by hand. */
class Browser {
  jars = new Map();

  async ask(url, { form } = {}) {
    const { origin } = new URL(url);
    const jar = this.jars.get(origin) ?? new Map();
    this.jars.set(origin, jar);
    const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; "), "accept-language": "vi" };
    if (form) Object.assign(headers, { origin, "content-type": "application/x-www-form-urlencoded" });
    const answer = await fetch(url, { method: form ? "POST" : "GET", headers, body: form && new URLSearchParams(form), redirect: "manual" });
    for (const cookie of answer.headers.getSetCookie()) {
      const [pair, ...rest] = cookie.split(";");
      const [name, ...value] = pair.split("=");
      const ends = rest.some((part) => /^\s*(max-age=0|expires=Thu, 01 Jan 1970)/i.test(part));
      if (ends) jar.delete(name);
      else jar.set(name, value.join("="));
    }
    return answer;
  }

  /** Follows redirects until a page; gives its address, status and text. */
  async go(url, how) {
    let answer = await this.ask(url, how);
    let at = url;
    while (answer.status >= 300 && answer.status < 400) {
      at = new URL(answer.headers.get("location"), at).href;
      answer = await this.ask(at);
    }
    return { at, status: answer.status, text: await answer.text() };
  }

  /** Signs in at the provider's own pages, where they ask, and goes on to where they lead. */
  async through(page, login) {
    let now = page;
    while (/\/interaction\/[^/]+$/.test(new URL(now.at).pathname)) {
      const form = /name="prompt" value="login"/.test(now.text) ? { prompt: "login", login, password: "x" } : { prompt: "consent" };
      now = await this.go(now.at, { form });
    }
    return now;
  }
}

export async function signOn({ step, mach, asked, fed, data, url }) {
  const say = (name, run) => step(`oidc-provider: ${name}`, run);
  const server = createServer((request, response) => answer(request, response));
  let answer = (_, response) => response.writeHead(503).end();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const password = "một câu dài để nhớ";
  fed(password, data, "account", "set", "bs.hoa", "--role", "clinician", "--facility", "46001");

  const set = (name, ...fields) => fed(SECRET, data, "sign-on", "set", name, `issuer=${issuer}`, `client-id=${name}`, "private=yes", "scope=openid profile", ...fields);
  set("rs", "secret", "proof=basic");
  set("ps", "secret", "proof=post");
  const told = set("es", "proof=key", "key=new");
  const { keys } = JSON.parse(/and the key: (\{.*\})/.exec(told)[1]);
  const jwk = (type, options, kid) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }), kid, use: "sig" });
  const client = (name, algorithm, method, more = {}) => ({
    client_id: name,
    token_endpoint_auth_method: method,
    id_token_signed_response_alg: algorithm,
    redirect_uris: [`${url}/sign-in/back/${name}`],
    backchannel_logout_uri: `${url}/sign-in/ended/${name}`,
    backchannel_logout_session_required: true,
    response_types: ["code"],
    grant_types: ["authorization_code"],
    ...more,
  });
  const provider = new Provider(issuer, {
    clients: [
      client("rs", "RS256", "client_secret_basic", { client_secret: SECRET }),
      client("ps", "PS256", "client_secret_post", { client_secret: SECRET }),
      client("es", "ES256", "private_key_jwt", { jwks: { keys }, token_endpoint_auth_signing_alg: "ES256" }),
    ],
    jwks: { keys: [jwk("rsa", { modulusLength: 2048 }, "of rsa"), jwk("ec", { namedCurve: "P-256" }, "of ec")] },
    cookies: { keys: ["a key of the test"] },
    pkce: { required: () => true },
    claims: { openid: ["sub"], profile: ["name", "preferred_username"] },
    enabledJWA: {
      idTokenSigningAlgValues: ["RS256", "PS256", "ES256"],
      clientAuthSigningAlgValues: ["ES256"],
    },
    features: { devInteractions: { enabled: true }, backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: `Tên của ${id}`, preferred_username: id }) }),
  });
  const faults = [];
  for (const event of ["server_error", "grant.error", "authorization.error", "backchannel.error"]) {
    provider.on(event, (...args) => faults.push(`${event}: ${args.find((a) => a instanceof Error)?.message}`));
  }
  answer = provider.callback();

  const links = (login) => mach(data, "sign-on", "links", login);
  const isIn = async (browser) => (await browser.ask(`${url}/account`)).status === 200;
  try {
    await say("is reached, and has keys", async () => {
      assert.match(await asked(data, "sign-on", "try", "rs"), /2 keys at/);
    });
    for (const name of ["rs", "ps", "es"]) {
      await say(`${name}: an account is linked by its owner, who then comes in by it`, async () => {
        const owner = new Browser();
        await owner.go(`${url}/sign-in`, { form: { username: "bs.hoa", password, next: "/account" } });
        assert.ok(await isIn(owner));
        const asked = await owner.through(await owner.go(`${url}/account/sign-on/with/${name}`), `hoa.${name}`);
        assert.equal(asked.status, 200, `${asked.text.slice(0, 2_000)} ${faults}`);
        assert.ok(asked.text.includes(`hoa.${name}`), "whom the provider said");
        const wish = /name="wish" value="([^"]+)"/.exec(asked.text)[1];
        const done = await owner.go(`${url}/account/sign-on`, { form: { wish } });
        assert.match(done.at, /done=linked/);
        assert.match(links("bs.hoa"), new RegExp(`hoa.${name} at ${issuer}`));

        const browser = new Browser();
        const came = await browser.through(await browser.go(`${url}/sign-in/with/${name}?next=/account`), `hoa.${name}`);
        assert.equal(new URL(came.at).pathname, "/account", `${came.text.slice(0, 2_000)} ${faults}`);
        assert.ok(await isIn(browser));
      });
    }
    await say("who is linked with nobody is told so, and is not in", async () => {
      const browser = new Browser();
      const came = await browser.through(await browser.go(`${url}/sign-in/with/rs`), "stranger");
      assert.equal(came.status, 403);
      assert.match(came.text, /Chưa có tài khoản nào ở đây gắn/);
      assert.ok(!(await isIn(browser)));
    });
    await say("who cancels there is told so", async () => {
      const browser = new Browser();
      const page = await browser.go(`${url}/sign-in/with/rs`);
      const came = await browser.go(`${page.at}/abort`);
      assert.equal(came.status, 403);
      assert.match(came.text, /không xác nhận/);
    });
    await say("who signs out there is out here, and nobody else", async () => {
      const browser = new Browser();
      await browser.through(await browser.go(`${url}/sign-in/with/es?next=/account`), "hoa.es");
      const other = new Browser();
      await other.go(`${url}/sign-in`, { form: { username: "bs.hoa", password, next: "/account" } });
      assert.ok((await isIn(browser)) && (await isIn(other)));
      const ended = once(provider, "backchannel.success");
      const shown = await browser.go(`${issuer}/session/end?client_id=es`);
      const xsrf = /name="xsrf" value="([^"]+)"/.exec(shown.text)[1];
      await browser.go(`${issuer}/session/end/confirm`, { form: { xsrf, logout: "yes" } });
      await ended;
      assert.ok(!(await isIn(browser)) && (await isIn(other)), `${faults}`);
    });
    await say("a secret that is another one is refused there, and told as such", async () => {
      fed("another", data, "sign-on", "set", "rs", "secret");
      const browser = new Browser();
      const came = await browser.through(await browser.go(`${url}/sign-in/with/rs`), "hoa.rs");
      assert.equal(came.status, 502);
      assert.ok(!(await isIn(browser)));
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

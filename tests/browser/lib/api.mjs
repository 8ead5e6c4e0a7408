// The API as another program uses it: a session by form, then plain requests.

/** A signed-in client. */
export class Client {
  constructor(url) {
    this.url = url;
    this.cookies = new Map();
  }

  async signIn({ name, password }) {
    const answer = await this.request("/sign-in", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ username: name, password, next: "/" }),
    });
    if (answer.status !== 303 && answer.status !== 302) throw new Error(`sign-in of ${name}: ${answer.status}`);
    return this;
  }

  async request(path, options = {}) {
    const headers = {
      origin: this.url,
      cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
      ...options.headers,
    };
    const answer = await fetch(this.url + path, { redirect: "manual", ...options, headers });
    // The program sets one cookie at a time; Debian's Node 18 has no getSetCookie.
    const set = /^([^=]+)=([^;]*)/.exec(answer.headers.get("set-cookie") ?? "");
    if (set) this.cookies.set(set[1], set[2]);
    return answer;
  }

  async json(path) {
    const answer = await this.request(path, { headers: { accept: "application/json" } });
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
    return answer.json();
  }
}

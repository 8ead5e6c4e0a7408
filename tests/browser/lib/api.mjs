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
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.cookies.set(name, value);
    }
    return answer;
  }

  async json(path) {
    const answer = await this.request(path, { headers: { accept: "application/json" } });
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
    return answer.json();
  }
}

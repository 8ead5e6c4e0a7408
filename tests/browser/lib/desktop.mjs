// Programs of a machine that pages speak to, with faults. The state's desktop signer (VGCA) has a token of its own and signs by pyHanko, so
// that what the house takes was signed by a program that others wrote; a reader of fingerprints states what it saw.
import { execFileSync } from "node:child_process";
import { createHash, createPrivateKey, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./paths.mjs";

const PORT = 8987;
const PYTHON = process.env.MACH_SIGN_PYTHON ?? join(root, "target/sign-venv/bin/python");

function run(folder, ...args) {
  execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
}

/** An authority of its own with one certificate, trusted in `data` as a token's issuer is. */
export class Token {
  constructor(data, owner) {
    this.folder = mkdtempSync(join(tmpdir(), "mach-token-"));
    this.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/C=VN/O=Ban Co yeu, mau/CN=CA token mau", "-keyout", "root.key", "-out", "root.pem");
    const settings = [
      "[ca]", "default_ca=own", "[own]", "database=index", "serial=serial", "new_certs_dir=.", "default_md=sha256", "default_crl_days=7",
      "policy=any", "certificate=root.pem", "private_key=root.key", "[any]", "commonName=supplied", "organizationName=optional", "countryName=optional",
      "[person]", "keyUsage=critical,digitalSignature,nonRepudiation", "basicConstraints=CA:FALSE", "authorityKeyIdentifier=keyid",
    ];
    this.write("settings", settings.join("\n"));
    this.write("index", "");
    this.write("serial", "01");
    this.run("req", "-new", "-newkey", "rsa:2048", "-nodes", "-utf8", "-subj", `/C=VN/O=So Y te/CN=${owner}`, "-keyout", "own.key", "-out", "own.csr");
    this.run("ca", "-batch", "-notext", "-utf8", "-config", "settings", "-extensions", "person", "-days", "20", "-in", "own.csr", "-out", "own.pem");
    this.run("ca", "-gencrl", "-config", "settings", "-out", "list.pem");
    this.run("crl", "-in", "list.pem", "-outform", "DER", "-out", "list.crl");
    const name = `token-${randomUUID().slice(0, 8)}`;
    for (const [from, place] of [["root.pem", "roots"], ["list.crl", "lists"]]) {
      mkdirSync(join(data, "trust", place), { recursive: true });
      writeFileSync(join(data, "trust", place, `${name}${from.slice(from.indexOf("."))}`), readFileSync(join(this.folder, from)));
    }
    this.chain = readFileSync(join(this.folder, "own.pem"), "utf8") + readFileSync(join(this.folder, "root.pem"), "utf8");
  }

  write(name, text) {
    writeFileSync(join(this.folder, name), text);
  }

  run(...args) {
    run(this.folder, ...args);
  }

  sign(file) {
    const at = (name) => join(this.folder, name);
    writeFileSync(at("in.pdf"), file);
    execFileSync(PYTHON, [join(root, "tests/sign/verify.py"), "sign", at("in.pdf"), at("out.pdf"), at("own.key"), at("own.pem"), at("root.pem")]);
    return readFileSync(at("out.pdf"));
  }

  clean() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** One text of a client, by RFC 6455: questions are short and come in one piece. */
function text(frame) {
  if ((frame[0] & 15) !== 1) return null;
  let [length, at] = [frame[1] & 127, 2];
  if (length === 126) [length, at] = [frame.readUInt16BE(2), 4];
  const mask = frame.subarray(at, at + 4);
  return Buffer.from(frame.subarray(at + 4, at + 4 + length).map((byte, n) => byte ^ mask[n % 4])).toString();
}

function framed(said) {
  const body = Buffer.from(said);
  const head = body.length < 126 ? Buffer.from([0x81, body.length]) : Buffer.from([0x81, 126, body.length >> 8, body.length & 255]);
  return Buffer.concat([head, body]);
}

/** A program that pages speak to: TLS on 127.0.0.1, one question and one answer. */
class Local {
  constructor(port) {
    this.port = port;
  }

  async listen(folder, answer) {
    run(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "tls.key", "-out", "tls.pem");
    const read = (name) => readFileSync(join(folder, name));
    this.server = createServer({ key: read("tls.key"), cert: read("tls.pem") });
    this.server.on("upgrade", (request, socket) => {
      const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
      socket.on("error", () => socket.destroy());
      socket.on("data", (frame) => {
        const question = text(frame);
        if (question === null) return socket.end();
        answer(request.url, JSON.parse(question)).then((said) => socket.write(framed(JSON.stringify(said))), (error) => {
          this.broke = error;
          socket.destroy();
        });
      });
    });
    this.server.listen(this.port, "127.0.0.1");
    // A journey that broke off must not keep the run from ending.
    this.server.unref();
    await once(this.server, "listening");
  }

  async stop() {
    this.server?.closeAllConnections();
    await new Promise((resolve) => (this.server ? this.server.close(resolve) : resolve()));
    delete this.server;
  }
}

export class Desktop extends Local {
  /** `fault`: none, "refuses", "other" (brings `this.other`), "twice", "delays" (until `go()`). */
  constructor(token) {
    super(PORT);
    Object.assign(this, { token, fault: "", answers: [] });
  }

  start() {
    return this.listen(this.token.folder, (path, question) => this.work(path, question));
  }

  async work(path, { FileUploadHandler, FileName }) {
    if (path !== "/SignApproved") return { Status: 1, Message: `no such function: ${path}` };
    if (this.fault === "refuses") return { Status: 7, Message: "Người dùng hủy bỏ" };
    const file = Buffer.from(await (await fetch(FileName)).arrayBuffer());
    if (this.fault === "delays") await new Promise((resolve) => (this.go = resolve));
    const signed = this.token.sign(this.fault === "other" ? this.other : file);
    const bring = async () => {
      const form = new FormData();
      form.set("uploadfile", new Blob([signed], { type: "application/pdf" }), "signed.pdf");
      // An address that is over is answered before the file is read: the line may be cut meanwhile.
      const answer = await fetch(FileUploadHandler, { method: "POST", body: form }).catch(() => ({ status: 404, json: () => Promise.reject() }));
      this.answers.push(answer.status);
      return answer.json().catch(() => ({ Status: false, Message: String(answer.status) }));
    };
    const said = await bring();
    if (this.fault === "twice") await bring();
    // What the program says of itself is not what counts.
    return { Status: said.Status || this.fault === "other" ? 0 : 1, Message: said.Message, FileServer: "" };
  }
}

/** A reader of fingerprints: `wss://127.0.0.1:8988/read`. `fault`: none, "refuses", "template" (says more than it may). */
export class FingerReader extends Local {
  fault = "";

  constructor() {
    super(8988);
  }

  certificate() {
    if (!this.folder) {
      this.folder = mkdtempSync(join(tmpdir(), "mach-reader-"));
      run(this.folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=May doc van tay mau", "-keyout", "own.key", "-out", "own.pem");
    }
    return readFileSync(join(this.folder, "own.pem"), "utf8");
  }

  start() {
    return this.listen(this.folder, (path, question) => this.read(path, question));
  }

  async read(path, { document, nonce, number }) {
    if (path !== "/read" || this.fault === "refuses") return { statement: "" };
    const said = { document, nonce, number, at: Math.floor(Date.now() / 1000), matched: true, ...(this.fault === "template" ? { template: "AAAA" } : {}) };
    const x5c = [this.certificate().replace(/-----[^-]+-----|\s/g, "")];
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = `${part({ alg: "ES256", x5c })}.${part(said)}`;
    const key = createPrivateKey(readFileSync(join(this.folder, "own.key")));
    return { statement: `${signed}.${sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}` };
  }

  async stop() {
    await super.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

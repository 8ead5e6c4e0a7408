// The state's desktop signer (VGCA) as a signer's machine has it: `wss://127.0.0.1:8987`, a token of its own, and faults. It signs by
// pyHanko, so that what the house takes was signed by a program that others wrote.
import { execFileSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./paths.mjs";

const PORT = 8987;
const PYTHON = process.env.MACH_SIGN_PYTHON ?? join(root, "target/sign-venv/bin/python");

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
    execFileSync("openssl", args, { cwd: this.folder, stdio: ["ignore", "ignore", "pipe"] });
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

export class Desktop {
  /** `fault`: none, "refuses", "other" (brings `this.other`), "twice", "delays" (until `go()`). */
  constructor(token) {
    Object.assign(this, { token, fault: "", answers: [] });
  }

  async start() {
    const { folder } = this.token;
    this.token.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "tls.key", "-out", "tls.pem");
    const read = (name) => readFileSync(join(folder, name));
    this.server = createServer({ key: read("tls.key"), cert: read("tls.pem") });
    this.server.on("upgrade", (request, socket) => {
      const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
      socket.on("error", () => socket.destroy());
      socket.on("data", (frame) => {
        const question = text(frame);
        if (question === null) return socket.end();
        this.work(request.url, JSON.parse(question)).then((said) => socket.write(framed(JSON.stringify(said))), (error) => {
          this.broke = error;
          socket.destroy();
        });
      });
    });
    this.server.listen(PORT, "127.0.0.1");
    // A journey that broke off must not keep the run from ending.
    this.server.unref();
    await once(this.server, "listening");
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

  async stop() {
    this.server?.closeAllConnections();
    await new Promise((resolve) => (this.server ? this.server.close(resolve) : resolve()));
    delete this.server;
  }
}

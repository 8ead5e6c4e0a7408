// Bundles the pages' style, script, fonts and icons into dist/, with content-hashed names and a manifest.
// Run by crates/kernel/ui/build.rs; by hand: `npm ci --ignore-scripts && node build.mjs`.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, "dist");
const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
/** Islands stay small: a page must open on a phone with a slow line. */
const ISLANDS_MAX_BYTES = 15 * 1024;

/** The finder of QR codes, which only `/verify` loads, and only where the browser has none. */
const DECODER_MAX_BYTES = 64 * 1024;

const files = [];

/** Writes one file under a name that changes with its content, and its gzip beside it where that is smaller. */
function emit(name, content) {
  const bytes = Buffer.from(content);
  const ext = extname(name);
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const path = `${basename(name, ext)}.${hash}${ext}`;
  writeFileSync(join(dist, path), bytes);
  const packed = ext === ".woff2" ? null : gzipSync(bytes, { level: 9 });
  if (packed) writeFileSync(join(dist, `${path}.gz`), packed);
  files.push({ name, path, type: TYPES[ext], bytes: bytes.length, gzip: packed ? packed.length : null });
  return `/assets/${path}`;
}

/** One SVG of symbols from icons/*.svg: each file holds the inside of a 24 × 24 drawing. */
function sprite() {
  const symbols = readdirSync(join(root, "icons"))
    .filter((f) => f.endsWith(".svg"))
    .sort()
    .map((f) => {
      const inner = readFileSync(join(root, "icons", f), "utf8").replace(/^<svg[^>]*>|<\/svg>\s*$/g, "").trim();
      return `<symbol id="${basename(f, ".svg")}" viewBox="0 0 24 24">${inner}</symbol>`;
    });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
}

const common = { bundle: true, minify: true, write: false, legalComments: "none", logLevel: "warning" };

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

emit("icons.svg", sprite());
emit("brand.svg", readFileSync(join(root, "brand.svg")));

const fonts = {
  name: "fonts",
  setup(plugin) {
    plugin.onResolve({ filter: /\.woff2$/ }, (args) => ({
      path: emit(basename(args.path), readFileSync(join(root, "node_modules", args.path))),
      external: true,
    }));
  },
};
/** What the system says also holds where it is chosen: the colours stand once in tokens.css, and twice in what is sent. Paper is white. */
function themes(text) {
  const chosen = {
    "prefers-color-scheme:dark": [":root:not([data-theme])", ":root[data-theme=dark]{color-scheme:dark;"],
    // As strong as what asks for dark, and behind it: a device may ask for both.
    "prefers-contrast:more": [":root:root", ":root[data-theme=contrast]{color-scheme:light;"],
  };
  for (const [query, [system, own]] of Object.entries(chosen)) {
    const found = new RegExp(`@media ?\\(${query.replace(":", ": ?")}\\)\\{:root\\{([^}]*)\\}\\}`).exec(text);
    if (!found) throw new Error(`tokens.css says nothing of ${query}`);
    text = text.replace(found[0], `@media screen and (${query}){${system}{${found[1]}}}@media screen{${own}${found[1]}}}`);
  }
  return text.replace("@media screen{:root[data-theme=dark]", "@media screen{:root[data-theme=light]{color-scheme:light}:root[data-theme=dark]");
}

const css = await build({ ...common, entryPoints: [join(root, "css/app.css")], plugins: [fonts], target: "chrome100" });
emit("app.css", themes(css.outputFiles[0].text));

// What every page loads, and what only pages with a form of questions load besides.
// `decode` finds QR codes in pictures: a library that one page fetches when it is first needed.
for (const name of ["app", "forms", "worker", "verify", "decode", "passkey", "desktop", "reader", "waits"]) {
  const format = name === "decode" ? "esm" : "iife";
  const js = await build({ ...common, entryPoints: [join(root, `ts/${name}.ts`)], target: "es2020", format });
  const { contents } = js.outputFiles[0];
  const most = name === "decode" ? DECODER_MAX_BYTES : ISLANDS_MAX_BYTES;
  if (contents.length > most) {
    throw new Error(`${name}.js has ${contents.length} bytes; it may have ${most}`);
  }
  emit(`${name}.js`, contents);
}

writeFileSync(join(dist, "manifest.json"), `${JSON.stringify({ files }, null, 1)}\n`);
const sent = files.reduce((sum, f) => sum + (f.gzip ?? f.bytes), 0);
console.log(`web: ${files.length} files, ${(sent / 1024).toFixed(1)} KB as sent`);

// A spreadsheet filled in by another hand than the program's: rows are written into the sheets of a template as plain XML.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SCRIPT = `
import json, re, sys, zipfile
from xml.sax.saxutils import escape
source, target, rows = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3]))
def cells(n, row):
    return "".join(f'<c r="{chr(65 + i)}{n}" t="inlineStr"><is><t>{escape(v)}</t></is></c>' for i, v in enumerate(row) if v)
with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
    for name in old.namelist():
        data = old.read(name)
        found = re.fullmatch(r"xl/worksheets/sheet(\\d+)\\.xml", name)
        if found and found[1] in rows:
            more = "".join(f'<row r="{n}">{cells(n, row)}</row>' for n, row in enumerate(rows[found[1]], 2))
            data = data.decode().replace("</sheetData>", more + "</sheetData>").encode()
        new.writestr(name, data)
`;

/** The template with `rows` ({ sheet number: rows of texts }) under its headings. */
export function filled(template, rows) {
  const folder = mkdtempSync(join(tmpdir(), "mach-sheet-"));
  try {
    const [source, target, given] = ["in.xlsx", "out.xlsx", "rows.json"].map((f) => join(folder, f));
    writeFileSync(source, template);
    writeFileSync(given, JSON.stringify(rows));
    execFileSync("python3", ["-c", SCRIPT, source, target, given]);
    return readFileSync(target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

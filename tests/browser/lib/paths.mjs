// Where things lie.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const here = dirname(dirname(fileURLToPath(import.meta.url)));
export const root = join(here, "..", "..");
export const out = join(here, "out");
// Keys of the tests, not those of whoever runs them.
process.env.MACH_KEYS ??= join(root, "target/test-keys");
export const program = process.env.MACH_BIN ?? join(root, "target/debug/mach");
export const chromium = process.env.MACH_CHROMIUM ?? "/usr/bin/chromium";

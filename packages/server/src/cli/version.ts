import { readFileSync } from "node:fs";

/** The path is the same from `src/cli` and from `dist/cli`. */
const PACKAGE = new URL("../../package.json", import.meta.url);

export const VERSION = (JSON.parse(readFileSync(PACKAGE, "utf8")) as { version: string }).version;

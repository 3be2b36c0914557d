import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";

/** Built beside the compiled code; the path is the same from `src/api` and from `dist/api`. */
const FOLDER = new URL("../../dist/dashboard/", import.meta.url);

const TYPES: Record<string, string> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

type Coding = "br" | "gzip";

/** A file in the forms in which it can be sent. */
export interface DashboardFile {
  type: string;
  etag: string;
  bytes: Buffer;
  coded: Partial<Record<Coding, Buffer>>;
}

export interface DashboardFiles {
  /** The document that every address of the dashboard answers. */
  document: DashboardFile;
  /** By their names, which have a digest of what is in them. */
  assets: ReadonlyMap<string, DashboardFile>;
}

/**
 * The built pages, compressed when they were built: some 200 kB, which are kept in memory. So no request opens a file, and no path leads to one.
 *
 * @returns undefined where nobody has built them
 */
export function readDashboardFiles(folder = FOLDER): DashboardFiles | undefined {
  if (!existsSync(new URL("index.html", folder))) return undefined;
  const assets = new URL("assets/", folder);
  const names = readdirSync(assets).filter((name) => typeOf(name) !== undefined);
  return {
    document: readFile(folder, "index.html"),
    assets: new Map(names.map((name) => [name, readFile(assets, name)])),
  };
}

function readFile(folder: URL, name: string): DashboardFile {
  const bytes = readFileSync(new URL(name, folder));
  const compressed = (ending: string) => {
    const file = new URL(`${name}.${ending}`, folder);
    return existsSync(file) ? readFileSync(file) : undefined;
  };
  const [br, gzip] = [compressed("br"), compressed("gz")];
  return {
    type: typeOf(name)!,
    etag: createHash("sha256").update(bytes).digest("base64url").slice(0, 22),
    bytes,
    coded: { ...(br && { br }), ...(gzip && { gzip }) },
  };
}

function typeOf(name: string): string | undefined {
  return TYPES[name.slice(name.lastIndexOf(".") + 1)];
}

/** The smallest form that the browser takes. */
export function codingFor(file: DashboardFile, headers: IncomingHttpHeaders): Coding | undefined {
  const taken = new Map(
    String(headers["accept-encoding"] ?? "")
      .split(",")
      .map((one) => {
        const [coding = "", ...parameters] = one.split(";").map((part) => part.trim());
        return [coding.toLowerCase(), !parameters.some((part) => /^q=0(\.0*)?$/.test(part))];
      }),
  );
  return (["br", "gzip"] as const).find((coding) => file.coded[coding] && taken.get(coding));
}

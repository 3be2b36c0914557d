import { fileURLToPath } from "node:url";
import { isLoopback } from "../runtime/loopback.ts";

/** Where a store for values is, read from its URL. */
export type ValuePlace =
  | { readonly kind: "directory"; readonly folder: string }
  | {
      readonly kind: "s3";
      readonly bucket: string;
      /** Empty, or one that ends with a slash. */
      readonly prefix: string;
      /** Default: what the AWS client finds. */
      readonly region: string | undefined;
      /** Another server than Amazon's. */
      readonly endpoint: string | undefined;
    };

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^[\w!.*'()-]+(\/[\w!.*'()-]+)*$/;

/**
 * Reads `file:///folder` or `s3://bucket/prefix?region=…&endpoint=…`.
 *
 * @throws Error that says what is wrong with it, without a word of it
 */
export function readValueUrl(text: string): ValuePlace {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "file:") return directory(url);
  if (url?.protocol === "s3:") return s3(url);
  throw new Error("write file:///folder or s3://bucket/prefix");
}

function directory(url: URL): ValuePlace {
  if (url.host || url.search || url.hash) {
    throw new Error("a folder is written file:///var/lib/millrace/values, with nothing behind it");
  }
  try {
    return { kind: "directory", folder: fileURLToPath(url) };
  } catch {
    throw new Error("that is no folder's address; on Windows it has a drive: file:///C:/values");
  }
}

function s3(url: URL): ValuePlace {
  if (url.username || url.password || url.port || url.hash) {
    throw new Error(
      "an s3 URL is s3://bucket/prefix; credentials come from where the AWS client looks for them",
    );
  }
  if (!BUCKET.test(url.hostname)) throw new Error("that is not the name of an S3 bucket");
  const prefix = url.pathname.replace(/^\/|\/$/g, "");
  if (prefix !== "" && !PREFIX.test(prefix)) {
    throw new Error("the prefix of an s3 URL has letters, digits, - _ . and single slashes");
  }
  const unknown = [...url.searchParams.keys()].find(
    (name) => name !== "region" && name !== "endpoint",
  );
  if (unknown !== undefined) throw new Error("an s3 URL takes ?region= and ?endpoint= alone");
  return {
    kind: "s3",
    bucket: url.hostname,
    prefix: prefix === "" ? "" : `${prefix}/`,
    region: url.searchParams.get("region") ?? undefined,
    endpoint: endpointOf(url.searchParams.get("endpoint")),
  };
}

function endpointOf(text: string | null): string | undefined {
  if (text === null) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol) || url.username || url.password) {
    throw new Error("endpoint: write an address such as https://minio.example.com:9000");
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw new Error("endpoint: http:// is for this machine alone; write https://");
  }
  return text;
}

import { mkdir } from "node:fs/promises";
import { MillraceError } from "@millrace/core";
import { directoryStore } from "./directory-store.ts";
import { type S3Library, s3Store } from "./s3-store.ts";
import type { ValueStore } from "./value-store.ts";
import { readValueUrl } from "./value-url.ts";

/**
 * Opens the store for large values that a URL names.
 *
 * @param installation the database's own id: what others keep at the same place is left alone
 * @throws MillraceError `value_store_client_missing`, `value_store_failed`; Error for a URL that names none
 */
export async function openValueStore(url: string, installation: string): Promise<ValueStore> {
  const place = readValueUrl(url);
  if (place.kind === "s3") return s3Store(await loadS3(), place, installation);
  try {
    await mkdir(place.folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new MillraceError(
      "value_store_failed",
      `the folder of MILLRACE_VALUE_STORE could not be made: ${(error as NodeJS.ErrnoException).code}`,
      { cause: error },
    );
  }
  return directoryStore(place.folder, installation);
}

async function loadS3(): Promise<S3Library> {
  try {
    return await import("@aws-sdk/client-s3");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new MillraceError(
      "value_store_client_missing",
      "MILLRACE_VALUE_STORE names a bucket, and the client of S3 is not installed; install it beside millrace: npm install @aws-sdk/client-s3@3",
      { cause: error },
    );
  }
}

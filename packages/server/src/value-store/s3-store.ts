import type * as S3 from "@aws-sdk/client-s3";
import { MillraceError } from "@millrace/core";
import type { ValuePlace } from "./value-url.ts";
import { PART, type ValueStore, isRunId, requireKey } from "./value-store.ts";

export type S3Library = typeof S3;

const CONNECT_MS = 5000;

/** Values as objects of a bucket, of Amazon S3 or of a server that speaks its protocol. */
export function s3Store(
  library: S3Library,
  { bucket, prefix, region, endpoint }: Extract<ValuePlace, { kind: "s3" }>,
  installation: string,
): ValueStore {
  const client = new library.S3Client({
    ...(region !== undefined && { region }),
    // Servers other than Amazon's rarely have a host name for each bucket, nor all checksums.
    ...(endpoint !== undefined && {
      endpoint,
      forcePathStyle: true,
      requestChecksumCalculation: "WHEN_REQUIRED" as const,
      responseChecksumValidation: "WHEN_REQUIRED" as const,
    }),
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: 60_000 },
  });
  const root = `${prefix}${installation}/`;
  const keyOf = (run: string, sha256: string) => {
    requireKey(run, sha256);
    return `${root}${run}/${sha256}`;
  };
  return {
    words: `in s3://${bucket}/${prefix}`,
    put: async (run, sha256, text) => {
      const at = { Bucket: bucket, Key: keyOf(run, sha256) };
      const what = { Body: Buffer.from(text), ContentType: "application/json" };
      await tried("written to", () =>
        client.send(new library.PutObjectCommand({ ...at, ...what })),
      );
    },
    get: async (run, sha256) => {
      const at = { Bucket: bucket, Key: keyOf(run, sha256) };
      return tried("read from", async () => {
        try {
          const { Body } = await client.send(new library.GetObjectCommand(at));
          return await Body?.transformToString("utf-8");
        } catch (error) {
          if (error instanceof library.NoSuchKey) return undefined;
          throw error;
        }
      });
    },
    async *runs() {
      let next: string | undefined;
      do {
        const listed = { Bucket: bucket, Prefix: root, Delimiter: "/", MaxKeys: PART };
        const from = next === undefined ? {} : { ContinuationToken: next };
        const page = await tried("listed in", () =>
          client.send(new library.ListObjectsV2Command({ ...listed, ...from })),
        );
        const names = page.CommonPrefixes?.map(({ Prefix = "" }) => Prefix.slice(root.length, -1));
        yield names?.filter(isRunId) ?? [];
        next = page.NextContinuationToken;
      } while (next !== undefined);
    },
    remove: async (run) => {
      requireKey(run);
      await tried("removed from", async () => {
        for (;;) {
          const listed = { Bucket: bucket, Prefix: `${root}${run}/`, MaxKeys: PART };
          const { Contents = [] } = await client.send(new library.ListObjectsV2Command(listed));
          if (Contents.length === 0) return;
          const Objects = Contents.map(({ Key }) => ({ Key: Key! }));
          const { Errors = [] } = await client.send(
            new library.DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
          );
          if (Errors[0]) throw new Error(Errors[0].Code ?? "an object could not be deleted");
        }
      });
    },
    close: () => client.destroy(),
  };
}

/** What the client says may name the key, and never more than its kind is told on. */
async function tried<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? error.name;
    throw new MillraceError(
      "value_store_failed",
      `a value could not be ${what} S3 (MILLRACE_VALUE_STORE): ${code}; look at the bucket, its policy and the credentials`,
      { cause: error },
    );
  }
}

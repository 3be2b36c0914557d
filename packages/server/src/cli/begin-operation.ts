import { type CreateOperation, Operation, OperationPreview } from "@millrace/core/api";
import { apiClient } from "./api-client.ts";
import type { Cli } from "./cli.ts";
import { EXIT } from "./exit-codes.ts";
import { harmlessJson } from "./output/harmless.ts";
import { operationLine } from "./output/operation-line.ts";
import { printPreview } from "./output/patch-preview.ts";
import { count } from "./output/words.ts";
import { waitForOperation } from "./wait-for-operation.ts";

/** Begins an operation and, if asked to, waits for its end; or only tells what it would be about. */
export async function beginOrPreview(
  cli: Cli,
  body: CreateOperation,
  { dryRun, wait, json }: { dryRun?: boolean; wait?: boolean; json?: boolean },
): Promise<number> {
  const api = apiClient(cli);
  if (dryRun) {
    const preview = await api.post("operations/preview", body, OperationPreview);
    if (json) cli.out.line(harmlessJson({ v: 1, ...preview }));
    else {
      cli.out.line(`${count(preview.matches, "dead letter")} would be ${VERBS[body.kind]}`);
      for (const sample of preview.samples) printPreview(cli.out, sample);
    }
    return preview.samples.every(({ accepted }) => accepted) ? EXIT.done : EXIT.failed;
  }
  const operation = await api.post("operations", body, Operation);
  if (wait) return waitForOperation(cli, api, operation.id, json ? { json } : {});
  if (json) cli.out.line(harmlessJson({ v: 1, ...operation }));
  else {
    cli.out.line(operationLine(cli.out, operation));
    cli.err.line(`It goes on by itself: millrace operations show ${operation.id} --wait`);
  }
  return EXIT.done;
}

const VERBS = {
  rerun: "rerun",
  dismiss: "dismissed",
  cancel: "cancelled",
  move: "moved",
  reopen: "opened again",
};

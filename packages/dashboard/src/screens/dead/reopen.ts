import type { Operation } from "@millrace/core/api";
import { act } from "../../data/act.ts";
import { toast } from "../../parts/toast.tsx";
import { go } from "../../routing/router.ts";
import { DEAD_CHANGES } from "./chosen.ts";

/** Takes the dismissal of a dead letter back. */
export async function reopenOne(runId: string): Promise<void> {
  const result = await act(`/api/v1/dead-letters/${runId}/reopen`, {}, DEAD_CHANGES);
  if (result.ok) toast("It is a dead letter again");
  else toast(result.trouble.detail, "bad");
}

/** Has an operation dismiss nothing more, and another one open again what it has dismissed. */
export async function reopenAll(dismissal: number): Promise<void> {
  // It may be over already, which is as well.
  await act(`/api/v1/operations/${dismissal}/cancel`, {}, DEAD_CHANGES);
  const body = { kind: "reopen", operation: dismissal };
  const question = { body, idempotencyKey: crypto.randomUUID() };
  const result = await act<Operation>("/api/v1/operations", question, DEAD_CHANGES);
  if (!result.ok) return toast(result.trouble.detail, "bad");
  toast(`Operation ${result.data.id} opens them again`);
  go(`/bulk/${result.data.id}`);
}

import type { DeadLetterDetail, Run } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";

/** What a failed run is as a dead letter, and what became of it; undefined for others, and until it is known. */
export function useDeadLetter({ id, state }: Run): DeadLetterDetail | undefined {
  return useResource<DeadLetterDetail>(
    state === "failed" ? `/api/v1/dead-letters/${id}` : undefined,
    { everyMs: 15_000 },
  ).data;
}

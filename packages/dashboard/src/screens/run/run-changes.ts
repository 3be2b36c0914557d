import type { AcceptedRun, Run } from "@millrace/core/api";
import { toast } from "../../parts/toast.tsx";
import { go } from "../../routing/router.ts";

/** What says something else once something was done with a run. */
export const RUN_CHANGES = [
  "/api/v1/runs",
  "/api/v1/overview",
  "/api/v1/dead-letters",
  "/api/v1/errors",
];

/** To a run that was made of another. @param besides what else has come of it */
export function goToNew({ job }: Run, besides = ""): (made: AcceptedRun) => void {
  return ({ id }) => {
    toast(`A new run of ${job} was made${besides}`);
    go(`/runs/${id}`);
  };
}

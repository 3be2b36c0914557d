import type { JobInfo } from "@millrace/core/api";
import { useResource } from "./resource.ts";

/**
 * The paths that jobs declare as searchable, such as `order.id`, in the order of the alphabet.
 *
 * @param wanted false for not yet: then none is known, and nothing is asked
 */
export function useSearchableFields(wanted = true): readonly string[] {
  const path = wanted ? "/api/v1/jobs" : undefined;
  const { data } = useResource<{ jobs: JobInfo[] }>(path, { everyMs: 0 });
  return [...new Set((data?.jobs ?? []).flatMap(({ searchable }) => searchable))].sort();
}

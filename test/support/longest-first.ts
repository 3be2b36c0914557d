import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes longest, in that order: whatever of it begins last would have the whole run wait for it alone. */
const LONGEST = [
  "test/worker/isolation.test.ts",
  "test/docs/commands.test.ts",
  "test/cli/autoscale.test.ts",
  "packages/server/src/runtime/embedded/crash.test.ts",
  "test/faults/poison.test.ts",
  "test/faults/effects.test.ts",
  "test/cli/code-changes.test.ts",
  "test/cli/roles.test.ts",
  "test/faults/drain.test.ts",
  "test/cli/start.test.ts",
  "test/dashboard/matrix/viewer.test.ts",
  "test/dashboard/matrix/full.test.ts",
  "test/dashboard/matrix/away.test.ts",
  "test/dashboard/journeys.test.ts",
  "test/faults/approvals.test.ts",
  "test/faults/schedules.test.ts",
  "packages/server/src/runtime/embedded/lifecycle.test.ts",
  "test/worker/survived-failures.test.ts",
  "test/cli/worker.test.ts",
  "test/worker/loop-watch.test.ts",
  "examples/onboarding/onboarding.test.ts",
  "test/orm/orm.test.ts",
  "packages/server/src/runtime/embedded/refusal.test.ts",
  "test/faults/half-open.test.ts",
  "test/testing/test-kit.test.ts",
  "test/faults/kill.test.ts",
  "test/faults/zombie.test.ts",
  "test/e2e/every-way-in.test.ts",
  "test/faults/mutants.test.ts",
  "test/transport/conformance.test.ts",
  "test/faults/database.test.ts",
];

/** Those first, and then the largest files, which is what vitest goes by. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const place = ({ project, moduleId }: TestSpecification) => {
      const at = LONGEST.indexOf(relative(project.config.root, moduleId));
      return at === -1 ? LONGEST.length : at;
    };
    return sorted.sort((a, b) => place(a) - place(b));
  }
}

import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes longest, in that order: whatever of it begins last would have the whole run wait for it alone. */
const LONGEST = [
  "test/docs/commands.test.ts",
  "test/cli/autoscale.test.ts",
  "test/faults/mutants.test.ts",
  "test/faults/drain.test.ts",
  "test/worker/isolation.test.ts",
  "test/faults/effects.test.ts",
  "test/faults/poison.test.ts",
  "test/faults/approvals.test.ts",
  "test/faults/schedules.test.ts",
  "test/cli/start.test.ts",
  "examples/onboarding/onboarding.test.ts",
  "packages/server/src/runtime/embedded/crash.test.ts",
  "packages/server/src/runtime/embedded/lifecycle.test.ts",
  "test/faults/kill.test.ts",
  "test/faults/half-open.test.ts",
  "test/e2e/every-way-in.test.ts",
  "test/faults/fuzz.test.ts",
  "test/engine/model.test.ts",
  "test/faults/zombie-gauntlet.test.ts",
  "test/worker/survived-failures.test.ts",
  "test/faults/zombie.test.ts",
  "test/faults/database.test.ts",
  "test/support/servers.test.ts",
  "test/faults/wire.test.ts",
  "test/faults/own-transaction.test.ts",
  "examples/orders/orders.test.ts",
  "test/cli/roles.test.ts",
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

import type { PlantedBug } from "./planted-bug.ts";

const MANY_WRITERS = {
  file: "test/engine/audit.test.ts",
  test: "S17: twenty who write at once, and lock things in any order, leave one chain and no deadlock",
};

/** Bugs of who may do what, and of what is on record of it. */
export const AUDIT_BUGS: readonly PlantedBug[] = [
  {
    bug: "a use-case believes that its caller may",
    edits: [
      {
        file: "engine/as-caller.ts",
        find: "requirePermission(caller, permission);\n  if",
        replace: "if",
      },
    ],
    caughtBy: {
      file: "test/engine/permissions.test.ts",
      test: "S3: each use-case refuses by itself whoever may not, before it looks at anything",
    },
  },
  {
    bug: "two go on from the same entry of the audit",
    edits: [
      {
        file: "store/migrations/0032_projects.sql",
        find: "from millrace.audit_head h for no key update;",
        replace: "from millrace.audit_head h;",
      },
    ],
    caughtBy: MANY_WRITERS,
  },
  {
    bug: "a change of a queue holds the audit while its transaction goes on",
    edits: [
      {
        file: "store/migrations/0049_closed.sql",
        find: "drained_until on millrace.queue deferrable initially deferred",
        replace: "drained_until on millrace.queue deferrable initially immediate",
      },
    ],
    caughtBy: MANY_WRITERS,
  },
  {
    bug: "whoever reaches the way in may start runs, if a route forgets to ask",
    edits: [
      {
        file: "engine/start.ts",
        find: '    requirePermission(caller, "start");\n    return this.#intake.acceptMany',
        replace: "    return this.#intake.acceptMany",
      },
    ],
    caughtBy: {
      file: "test/engine/permissions.test.ts",
      test: "S3: each use-case refuses by itself whoever may not, before it looks at anything",
    },
  },
];

import type { PlantedBug } from "./planted-bug.ts";

const ROUTES = "test/api/projects.test.ts";
const WORKERS = "test/worker/projects.test.ts";

/** Bugs of what belongs to one project, and is shown to others, or changed by them. */
export const PROJECT_BUGS: readonly PlantedBug[] = [
  {
    bug: "a use-case believes that what it changes is its caller's",
    edits: [
      {
        file: "engine/as-caller.ts",
        find: "    await requireWithin(tx, caller, scope);\n",
        replace: "",
      },
    ],
    caughtBy: {
      file: "test/engine/projects.test.ts",
      test: "S4: each use-case looks by itself whether what it changes is its caller's",
    },
  },
  {
    bug: "a list has the runs of all projects",
    edits: [
      {
        file: "store/runs.ts",
        find: '        and ${jobWithin("r.job", "$9")}\n',
        replace: "",
      },
    ],
    caughtBy: {
      file: ROUTES,
      test: "S4: what belongs to another project is in no list, and a filter by it finds what one by nothing does",
    },
  },
  {
    bug: "a route looks at whatever its path names",
    edits: [
      {
        file: "api/authenticate.ts",
        find: '  if (typeof scope !== "object") return;',
        replace: "  if (scope !== undefined) return;",
      },
    ],
    caughtBy: {
      file: ROUTES,
      test: "S4: what belongs to another project is, by each operation that names it in its path, as what is not there, and stays as it is",
    },
  },
  {
    bug: "a job calls jobs of other projects",
    edits: [
      {
        file: "store/migrations/0032_projects.sql",
        find: "    perform millrace.require_own_children(items, mine);\n",
        replace: "",
      },
    ],
    caughtBy: {
      file: WORKERS,
      test: "S4: a job of another project cannot be called or fanned out to, as if nobody had registered it; one of the same can",
    },
  },
  {
    bug: "an event ends waits of all projects",
    edits: [
      {
        file: "store/migrations/0032_projects.sql",
        find: " and (e.project is null or millrace.project_of_run(w.run_id) = e.project);",
        replace: ";",
      },
      {
        file: "store/migrations/0032_projects.sql",
        find: "          and (event.project is null or millrace.project_of_run(f.run_id) = event.project)\n",
        replace: "",
      },
    ],
    caughtBy: {
      file: WORKERS,
      test: "S4: an event that is sent into a project ends waits of its runs alone, and one that is sent into none those of all",
    },
  },
];

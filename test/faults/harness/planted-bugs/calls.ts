import type { PlantedBug } from "./planted-bug.ts";

const TESTS = "test/http/fetch.test.ts";

/** Below the sources of the server, as all edits are. */
const SDK = "../../sdk/src/http";

/** Bugs of the calls of handlers. */
export const CALL_BUGS: readonly PlantedBug[] = [
  {
    bug: "a secret is sent to any host",
    edits: [
      {
        file: `${SDK}/destination.ts`,
        find: "if (!bound.hosts.includes(host))",
        replace: "if (bound.hosts.length === 0)",
      },
    ],
    caughtBy: {
      file: TESTS,
      test: "S5: a secret that is bound to hosts is sent nowhere else: no other host, port, scheme or redirect, and no address that code alone names",
    },
  },
  {
    bug: "credentials go along with a redirect to another host",
    edits: [
      {
        file: `${SDK}/hop.ts`,
        find: "(!elsewhere || HARMLESS.has(name))",
        replace: '(name !== "")',
      },
    ],
    caughtBy: {
      file: TESTS,
      test: "a redirect S7: to another host is checked like a first request, and takes no credentials along",
    },
  },
  {
    bug: "what may do something twice is sent twice",
    edits: [
      {
        file: `${SDK}/http-call.ts`,
        find: "return anyMethod || keyed || SAFE_TO_REPEAT.has(method);",
        replace: "return anyMethod || keyed || SAFE_TO_REPEAT.has(method) || true;",
      },
    ],
    caughtBy: {
      file: TESTS,
      test: "a call that fails is not tried again when it might do something twice, unless it has a key or is asked to",
    },
  },
];

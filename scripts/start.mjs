import "./node-version.mjs";

// `npm start`: the server with the examples, in this very process, so that signals reach it and nobody else. The first job
// is the one that the server proposes to try.
const JOBS = ["examples/report", "examples"];

import("./prepare.mjs")
  .then(({ prepare, root }) => {
    process.chdir(root);
    return prepare();
  })
  .then(() => import("../packages/server/dist/cli/main.js"))
  .then(({ main }) => main(["start", "--jobs", ...JOBS, ...process.argv.slice(2)]))
  .then((code) => {
    process.exitCode = code;
  })
  .catch((error) => import("./failed.mjs").then(({ failed }) => failed(error)));

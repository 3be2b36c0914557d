import "./node-version.mjs";

// `npm run check`: what `npm test` checks before it runs the tests.
import("./prepare.mjs")
  .then(({ prepare, root }) => {
    process.chdir(root);
    return prepare();
  })
  .then(() => import("./checks.mjs"))
  .then(({ runChecks }) => runChecks())
  .then((passed) => {
    process.exitCode = passed ? 0 : 1;
  })
  .catch((error) => import("./failed.mjs").then(({ failed }) => failed(error)));

import "./node-version.mjs";

// `npm test`: the checks and every test; `npm test -- <path or vitest option>`: only the tests named.
import("./prepare.mjs")
  .then(({ prepare, root }) => {
    process.chdir(root);
    return prepare();
  })
  .then(() => import("./test-run.mjs"))
  .then(({ runTests }) => runTests(process.argv.slice(2)))
  .then((code) => {
    process.exitCode = code;
  })
  .catch((error) => import("./failed.mjs").then(({ failed }) => failed(error)));

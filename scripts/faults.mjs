import "./node-version.mjs";

// `npm run faults:worker`, `faults:start`, `faults:poison`: the long fault scripts of test/faults, from source.
const [script] = process.argv.splice(2, 1);
import("./prepare.mjs")
  .then(({ prepare, root }) => {
    process.chdir(root);
    return prepare();
  })
  .then(() => import("jiti"))
  .then(({ createJiti }) => createJiti(import.meta.url).import(`../test/faults/${script}.ts`))
  .catch((error) => import("./failed.mjs").then(({ failed }) => failed(error)));

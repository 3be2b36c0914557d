import "./node-version.mjs";

// `npm run load:growth`: the measuring scripts of test/load, from source.
const [script] = process.argv.splice(2, 1);
import("./prepare.mjs")
  .then(({ prepare, root }) => {
    process.chdir(root);
    return prepare();
  })
  .then(() => import("jiti"))
  .then(({ createJiti }) => createJiti(import.meta.url).import(`../test/load/${script}.ts`))
  .catch((error) => import("./failed.mjs").then(({ failed }) => failed(error)));

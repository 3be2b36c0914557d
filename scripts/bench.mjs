import "./node-version.mjs";

// `npm run bench`: the measurements, from source.
import("./prepare.mjs")
  .then(({ prepare, root }) => {
    process.chdir(root);
    return prepare();
  })
  .then(() => import("jiti"))
  .then(({ createJiti }) => createJiti(import.meta.url).import("../bench/main.ts"))
  .catch((error) => import("./failed.mjs").then(({ failed }) => failed(error)));

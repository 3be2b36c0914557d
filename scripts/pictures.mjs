import "./node-version.mjs";

// `npm run pictures`: the screens of the dashboard, to be looked at.
import("./prepare.mjs")
  .then(({ prepare, root }) => {
    process.chdir(root);
    return prepare();
  })
  .then(() => import("jiti"))
  .then(({ createJiti }) => createJiti(import.meta.url).import("../test/pictures/take.ts"))
  .catch((error) => import("./failed.mjs").then(({ failed }) => failed(error)));

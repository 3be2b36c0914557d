// Told by NODE_OPTIONS: at its end the process says which modules of OpenTelemetry it has loaded.
const { writeFileSync } = require("node:fs");

process.once("exit", () => {
  const names = Object.keys(require.cache).flatMap((file) => {
    const [, name] = /node_modules\/(@opentelemetry\/[^/]+)\//.exec(file) ?? [];
    return name ? [name] : [];
  });
  writeFileSync(
    `${process.env.LOADED_INTO}-${process.pid}`,
    JSON.stringify([...new Set(names)].sort()),
  );
});

/**
 * What a module of the built server exports. All that `millrace` exports takes a processor a second to load, and processes of tests are started by the hundred.
 *
 * @param {string} file its path without its ending, such as `worker/worker`
 */
export function built(file) {
  return import(new URL(`${file}.js`, import.meta.resolve("millrace")).href);
}

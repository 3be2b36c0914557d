/**
 * A module beside another one, to be started as a thread or a process. Where the one runs from source the other does,
 * too, and needs its ending.
 *
 * @param from the `import.meta.url` of the one
 * @param name the other's file name without its ending
 */
export function siblingModule(from: string, name: string): URL {
  return new URL(`${name}${from.endsWith(".ts") ? ".ts" : ".js"}`, from);
}

import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { NonRetryableError } from "@millrace/sdk";

/**
 * Where a path that came with a run's input really lies: every symbolic link resolved, and inside the root or the root
 * itself.
 *
 * @param root a folder that the operator chose
 * @param path relative to the root, or absolute
 * @param what names the path in messages, such as `file`
 * @throws NonRetryableError when there is nothing, or when it lies outside; what lies outside is not told
 */
export async function insideRoot(root: string, path: string, what: string): Promise<string> {
  const realRoot = await realRootOf(root);
  if (path.includes("\0")) throw new NonRetryableError(`${what}: a path holds no NUL character`);
  // Asked before the file system is, so that nobody learns which files exist elsewhere.
  const wanted = resolve(realRoot, path);
  if (!contains(realRoot, wanted) && !contains(resolve(root), wanted)) throw outside(what, path);
  const real = await realpath(wanted).catch((error: NodeJS.ErrnoException) => {
    throw new NonRetryableError(`${what}: cannot reach ${JSON.stringify(path)} (${error.code})`);
  });
  if (!contains(realRoot, real)) throw outside(what, path);
  return real;
}

/** Whether a path is the folder or lies in it, by its text alone. */
function contains(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

async function realRootOf(root: string): Promise<string> {
  try {
    return await realpath(root);
  } catch (error) {
    throw new NonRetryableError(
      `the root folder ${root} cannot be reached (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}

function outside(what: string, path: string): NonRetryableError {
  return new NonRetryableError(`${what}: ${JSON.stringify(path)} lies outside its root`);
}

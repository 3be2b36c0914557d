import path from "node:path";

/**
 * A place in the code as people of a project know it: `src/jobs/contact.ts:18`. Of a file that lies elsewhere, its name and its folder's: what is above
 * is this machine's own affair.
 *
 * @param folder from which it is told; undefined where nobody has said
 */
export function placeInWords(file: string, line: number, folder: string | undefined): string {
  const below = folder === undefined ? ".." : path.relative(folder, file);
  const outside = path.isAbsolute(below) || below.split(path.sep)[0] === "..";
  const parts = outside ? ["…", ...file.split(/[\\/]/).slice(-2)] : below.split(path.sep);
  return `${parts.join("/")}:${line}`;
}

import { statfs } from "node:fs/promises";
import { bytes } from "../../runtime/amounts.ts";
import { type Finding, bad, ok, warn } from "./finding.ts";

/** A folder of this machine in which something is kept. */
export interface Kept {
  /** Such as "the database". */
  what: string;
  folder: string;
}

/** Of the disk: below this it is worth a look, and below that no time is left. */
const LOW = 0.1;
const EMPTY = 0.02;

/** Whether there is room where this machine keeps something. How full the disk of another machine is, no statement tells. */
export async function checkDisk(kept: readonly Kept[]): Promise<Finding[]> {
  return Promise.all(kept.map(checkFolder));
}

async function checkFolder({ what, folder }: Kept): Promise<Finding> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    const share = blocks === 0 ? 1 : bavail / blocks;
    const text = `${bytes(bavail * bsize)} of the disk of ${what} are free (${Math.round(share * 100)} %)`;
    if (share >= LOW) return ok("disk", text);
    const level = share >= EMPTY ? warn : bad;
    return level("disk", `${text}: ${folder}`, "make room there, or keep runs for a shorter time");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return warn("disk", `${what} cannot be looked at: ${why}`, `see who may read ${folder}`);
  }
}

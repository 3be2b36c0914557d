import { statfsSync } from "node:fs";

import { MillraceError } from "@millrace/core";

const LOW_BYTES = 2 ** 30;

/** Linux's numbers of file systems on which two hosts can run two servers on one data folder, or fsync is only a word. */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0x6969: "NFS",
  0x517b: "SMB",
  0xfe534d42: "SMB",
  0xff534d42: "CIFS",
  0x01021997: "9p",
};

/** Refuses network file systems (`embedded_unavailable`) and reports when less than 1 GB is free. */
export function checkDisk(home: string, report: (message: string) => void): void {
  const { type, bavail, bsize } = statfsSync(home);
  const network = process.platform === "linux" ? NETWORK_FILE_SYSTEMS[type >>> 0] : undefined;
  if (network !== undefined) {
    throw new MillraceError(
      "embedded_unavailable",
      `${home} lies on a network file system (${network}), where PostgreSQL cannot protect its data. ` +
        `Put the project on a local disk, or set DATABASE_URL.`,
    );
  }
  const free = bavail * bsize;
  if (free < LOW_BYTES)
    report(`Only ${Math.round(free / 2 ** 20)} MB are free where the data lie (${home}).`);
}

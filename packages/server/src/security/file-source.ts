import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import path from "node:path";
import { MAX_SECRET_LENGTH } from "@millrace/core";
import type { FoundSecret, SecretSource } from "./secret-source.ts";

/** What the system shows of processes there would be a way to the environment of this one. */
const SYSTEM = ["/proc", "/sys", "/dev"];

/** In UTF-8 a character has four bytes at the most, and the end of the line two. */
const MAX_BYTES = 4 * MAX_SECRET_LENGTH + 2;

/** Files on the worker's machine, such as those that Kubernetes mounts. */
export class FileSource implements SecretSource {
  readonly #forbidden: readonly string[];

  /** @param home the folder of this installation: what lies there is not for jobs */
  constructor(home: string) {
    this.#forbidden = [home, ...SYSTEM];
  }

  async resolve(file: string): Promise<FoundSecret> {
    // Kubernetes mounts links, and changes where they lead.
    const real = await realpath(file).catch((error: unknown) => {
      throw unreadable(file, error);
    });
    const forbidden = await Promise.all(this.#forbidden.map((folder) => realOf(folder)));
    if (forbidden.some((folder) => isWithin(real, folder))) {
      throw new Error(`${file} lies where nothing for jobs lies`);
    }
    return { value: await read(real, file) };
  }
}

/** @returns what is wrong with it, if something is */
export function fileTrouble(file: string): string | undefined {
  return path.isAbsolute(file) && path.normalize(file) === file && !/[\0\r\n]/.test(file)
    ? undefined
    : "file: needs an absolute path behind it, such as file:/run/secrets/crm";
}

async function read(real: string, shown: string): Promise<string> {
  // Without it, to open a pipe would wait for who writes to it.
  const handle = await open(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(
    (error: unknown) => {
      throw unreadable(shown, error);
    },
  );
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw new Error(`${shown} is not a plain file`);
    if (info.size > MAX_BYTES) throw new Error(`${shown} is too large for a secret`);
    return textOf(await handle.readFile(), shown);
  } finally {
    await handle.close();
  }
}

function textOf(bytes: Buffer, shown: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${shown} is not text in UTF-8`);
  }
}

function realOf(folder: string): Promise<string> {
  return realpath(folder).catch(() => folder);
}

function isWithin(file: string, folder: string): boolean {
  return file === folder || file.startsWith(folder + path.sep);
}

function unreadable(file: string, error: unknown): Error {
  return new Error(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
}

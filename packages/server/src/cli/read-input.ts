import { readFile } from "node:fs/promises";
import path from "node:path";
import { text } from "node:stream/consumers";
import { type Json, MillraceError, jsonLosses } from "@millrace/core";

export interface InputSource {
  /** `-` reads stdin. */
  operand?: string | undefined;
  json?: string | undefined;
  file?: string | undefined;
}

/**
 * The input that the command line gives a run: JSON in place, in a file, or on stdin.
 *
 * @returns undefined when none is given
 * @throws MillraceError `invalid_usage`
 */
export async function readInput(
  { operand, json, file }: InputSource,
  cwd: string,
  stdin: NodeJS.ReadableStream,
): Promise<Json | undefined> {
  if (operand !== undefined && operand !== "-") {
    throw usage(
      `too many words: ${JSON.stringify(operand)}; write the input as --input '{…}', --input-file FILE, or - for stdin`,
    );
  }
  const given = [operand, json, file].filter((source) => source !== undefined);
  if (given.length > 1) throw usage("give one of --input, --input-file and -, not several");
  if (json !== undefined) return parseJson(json, "--input");
  if (file !== undefined) return parseJson(await readText(path.resolve(cwd, file), file), file);
  if (operand !== undefined) return parseJson(await text(stdin), "stdin");
  return undefined;
}

async function readText(file: string, shown: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw usage(`--input-file ${shown} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** @throws MillraceError `invalid_usage` for what is no JSON, or would lose something */
export function parseJson(json: string, where: string): Json {
  const text = json.replace(/^\uFEFF/, "");
  const value = parsed(text, where);
  for (const { path, why } of jsonLosses(text)) {
    throw usage(`${where} at /${path.join("/")}: ${why}`);
  }
  return value;
}

function parsed(json: string, where: string): Json {
  try {
    return JSON.parse(json) as Json;
  } catch (error) {
    const hint = where === "--input" ? `; write for example --input '{"month":"2026-01"}'` : "";
    throw usage(`${where} is not JSON: ${(error as Error).message}${hint}`);
  }
}

function usage(message: string): MillraceError {
  return new MillraceError("invalid_usage", message);
}

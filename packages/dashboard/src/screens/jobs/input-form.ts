import { readExactJson } from "@millrace/core";
import { writeJson } from "../../data/write-json.ts";

/** The part of JSON Schema that a form can show. What it cannot is written as JSON, and the server checks all of it. */
export interface Schema {
  type?: string | readonly string[];
  title?: string;
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  const?: unknown;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: unknown;
  anyOf?: readonly Schema[];
  format?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

/** What kind of control a field has. */
type Control = "group" | "choice" | "flag" | "number" | "integer" | "text" | "json";

/** A field of the form: its place in the input as a JSON Pointer, "" for the whole. */
export interface FormField {
  pointer: string;
  name: string;
  schema: Schema;
  control: Control;
  required: boolean;
  /** Null may be given too: an empty field that is required is null. */
  nullable: boolean;
  /** Of a group. */
  fields: readonly FormField[];
}

/** What is written in each field, by its pointer; "true" and "false" of a flag. */
export type Written = Readonly<Record<string, string>>;

/** Deeper ones are written as JSON. */
const MOST_DEPTH = 4;

export function formOf(
  schema: Schema,
  pointer = "",
  name = "",
  required = true,
  depth = 0,
): FormField {
  const { shown, nullable } = withoutNull(schema);
  const control = controlOf(shown, depth);
  const fields =
    control === "group"
      ? Object.entries(shown.properties ?? {}).map(([key, property]) =>
          formOf(
            property,
            `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`,
            key,
            shown.required?.includes(key) ?? false,
            depth + 1,
          ),
        )
      : [];
  return { pointer, name, schema: shown, control, required, nullable, fields };
}

function withoutNull(schema: Schema): { shown: Schema; nullable: boolean } {
  const { anyOf, type, ...rest } = schema;
  if (anyOf?.length === 2 && anyOf.some((one) => one.type === "null")) {
    return { shown: { ...rest, ...anyOf.find((one) => one.type !== "null") }, nullable: true };
  }
  if (Array.isArray(type) && type.length === 2 && type.includes("null")) {
    const other = (type as readonly string[]).find((one) => one !== "null")!;
    return { shown: { ...schema, type: other }, nullable: true };
  }
  return { shown: schema, nullable: false };
}

function controlOf(schema: Schema, depth: number): Control {
  if (schema.enum?.length && schema.enum.every((one) => typeof one !== "object")) return "choice";
  switch (schema.type) {
    case "object":
      // Of keys that the schema does not name, a form could say nothing.
      return schema.properties &&
        typeof schema.additionalProperties !== "object" &&
        depth < MOST_DEPTH
        ? "group"
        : "json";
    case "string":
      return "text";
    case "boolean":
      return "flag";
    case "number":
    case "integer":
      return schema.type;
    default:
      return "json";
  }
}

/** What a form begins with that shows this input; the defaults of the schema where there is none. */
export function writtenOf(field: FormField, value: unknown): Record<string, string> {
  // Its defaults would have it sent where nobody asked for it.
  if (field.control === "group" && value === undefined && !field.required) return {};
  if (field.control === "group" && (value === undefined || isObject(value))) {
    return Object.assign(
      {},
      ...field.fields.map((one) => writtenOf(one, value?.[one.name])),
    ) as Record<string, string>;
  }
  const shown = value === undefined ? field.schema.default : value;
  if (shown === undefined || shown === null) return {};
  const text = typeof shown === "string" && field.control !== "json" ? shown : writeJson(shown);
  return { [field.pointer]: text };
}

/** What the form says, and what is wrong with it, by the pointers of its fields. What was left empty and need not be there is not. */
export function inputOf(
  field: FormField,
  written: Written,
): { value: unknown; wrong: Record<string, string> } {
  const wrong: Record<string, string> = {};
  return { value: valueOf(field, written, wrong), wrong };
}

function valueOf(field: FormField, written: Written, wrong: Record<string, string>): unknown {
  if (field.control === "group") return groupOf(field, written, wrong);
  const text = written[field.pointer] ?? "";
  if (text === "" && field.control !== "flag") {
    if (!field.required) return undefined;
    if (field.nullable) return null;
    // A text may be empty, if its schema lets it.
    if (field.control === "text" && !field.schema.minLength) return "";
    wrong[field.pointer] = "It must be there";
    return undefined;
  }
  switch (field.control) {
    case "flag":
      return text === "" && !field.required ? undefined : text === "true";
    case "choice":
      return field.schema.enum?.find((one) => String(one) === text);
    case "number":
    case "integer":
      return numberOf(field, text, wrong);
    case "json":
      return jsonOf(field, text, wrong);
    default: {
      const { minLength = 0, maxLength = Infinity } = field.schema;
      const { length } = text;
      if (length < minLength) wrong[field.pointer] = `At least ${minLength} characters`;
      if (length > maxLength) wrong[field.pointer] = `At most ${maxLength} characters`;
      return text;
    }
  }
}

function groupOf(field: FormField, written: Written, wrong: Record<string, string>): unknown {
  const touched = field.required || field.fields.some((one) => isTouched(one, written));
  if (!touched) return undefined;
  const entries = field.fields.flatMap((one) => {
    const value = valueOf(one, written, wrong);
    return value === undefined ? [] : [[one.name, value] as const];
  });
  return Object.fromEntries(entries);
}

function isTouched(field: FormField, written: Written): boolean {
  return field.control === "group"
    ? field.fields.some((one) => isTouched(one, written))
    : (written[field.pointer] ?? "") !== "";
}

function numberOf(
  { pointer, control, schema }: FormField,
  text: string,
  wrong: Record<string, string>,
) {
  const value = Number(text);
  const { minimum = -Infinity, maximum = Infinity } = schema;
  if (text.trim() === "" || !Number.isFinite(value)) wrong[pointer] = "Write a number";
  else if (control === "integer" && !Number.isInteger(value))
    wrong[pointer] = "Write a whole number";
  else if (control === "integer" && !Number.isSafeInteger(value)) wrong[pointer] = TOO_EXACT;
  else if (value < minimum) wrong[pointer] = `At least ${minimum}`;
  else if (value > maximum) wrong[pointer] = `At most ${maximum}`;
  return value;
}

const TOO_EXACT = "A page cannot send a number with so many digits; the command line can";

function jsonOf({ pointer }: FormField, text: string, wrong: Record<string, string>): unknown {
  try {
    const value = JSON.parse(text) as unknown;
    // What is sent is written by the browser, which would change such a number without a word.
    if (JSON.stringify(readExactJson(text)) !== JSON.stringify(value)) wrong[pointer] = TOO_EXACT;
    return value;
  } catch (error) {
    wrong[pointer] = `This is not JSON: ${(error as SyntaxError).message}`;
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** All fields that are written in, the whole form flat. */
export function leavesOf(field: FormField): readonly FormField[] {
  return field.control === "group" ? field.fields.flatMap(leavesOf) : [field];
}

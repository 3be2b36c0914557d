import { type Duration, MillraceError, requireName } from "@millrace/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { checkValue } from "./input.ts";
import type { Given, InputSchema, KeyOf, Received } from "./job.ts";

const IS_EVENT = Symbol.for("millrace.event");

const KNOWN = ["name", "payload", "description"];

/** An event as its author writes it. */
export interface EventOptions<Name extends string, S> {
  /** As senders name it: lower case, digits, and single `.`, `_`, `-`, `:` or `/` between them. */
  name: Name;
  /** Checks what is sent by a client, and again what a run receives. An event without a schema carries anything. */
  payload?: S;
  /** One sentence for people. */
  description?: string;
}

/** Something that may happen, and that runs may wait for. */
export interface Event<Name extends string = string, S = any> {
  readonly name: Name;
  readonly description: string;
  readonly schema: S;
}

/** An event, whatever it carries. */
export type AnyEvent = Event<string, any>;

/** What senders of an event give. */
export type PayloadOf<E> = E extends Event<string, infer S> ? Sent<S> : never;

type Sent<S> = S extends StandardSchemaV1 ? Exclude<Given<S>, void> : unknown;

/** What a run gets. */
export type ReceivedOf<E> =
  E extends Event<string, infer S> ? (S extends StandardSchemaV1 ? Received<S> : unknown) : never;

type ValueAt<T, Path> = Path extends `${infer Key}.${infer Rest}`
  ? Key extends keyof T
    ? ValueAt<NonNullable<T[Key]>, Rest>
    : never
  : Path extends keyof T
    ? Extract<NonNullable<T[Path]>, string | number | boolean>
    : never;

/** What the payload must have at which path. */
export type Where<E> =
  E extends Event<string, infer S>
    ? S extends StandardSchemaV1<infer I, any>
      ? { readonly [Path in KeyOf<S>]?: ValueAt<I, Path> }
      : Readonly<Record<string, string | number | boolean>>
    : never;

/** For which event a step waits, and for how long. */
export interface WaitForOptions<E = AnyEvent> {
  /** Only an event whose payload has these values at these paths, such as `{ "customer.id": 7 }`. Ten at the most. Default: any. */
  where?: Where<E>;
  /** Default: none; the step waits for as long as it takes. */
  timeout?: Duration;
  /** The name of the step. Default: that of the event. */
  name?: string;
}

/**
 * Defines an event.
 *
 * @example
 *   export const signed = defineEvent({ name: "contract.signed", payload: z.object({ account: z.string(), by: z.string() }) });
 *
 * @throws MillraceError `invalid_event` naming the option
 */
export function defineEvent<
  const Name extends string,
  S extends InputSchema | undefined = undefined,
>(options: EventOptions<Name, S>): Event<Name, S> {
  const name = eventName(options.name);
  const unknown = Object.keys(options).find((key) => !KNOWN.includes(key));
  if (unknown) {
    throw new MillraceError(
      "invalid_event",
      `event ${name}: ${unknown} is not an option; the options are ${KNOWN.join(", ")}`,
    );
  }
  const schema = options.payload;
  if (schema !== undefined && schema["~standard"]?.version !== 1) {
    throw new MillraceError(
      "invalid_event",
      `event ${name}: payload must be a Standard Schema, such as z.object({ … })`,
    );
  }
  const event = { name: options.name, description: options.description ?? "", schema: schema as S };
  Object.defineProperty(event, IS_EVENT, { value: true });
  return Object.freeze(event);
}

/** @throws MillraceError `invalid_event` */
function eventName(name: unknown): string {
  try {
    return requireName(name as string, "name");
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new MillraceError("invalid_event", `event: ${error.message}`);
  }
}

/** Whether a value is an event; it may come from another copy of this package. */
export function isEvent(value: unknown): value is AnyEvent {
  return typeof value === "object" && value !== null && IS_EVENT in value;
}

/**
 * Checks a payload against its event's schema.
 *
 * @returns the schema's output; a promise of it only if the schema itself is asynchronous
 * @throws MillraceError `invalid_input`
 */
export function checkPayload(event: AnyEvent, payload: unknown): unknown {
  return event.schema ? checkValue(event.schema, payload, `payload of ${event.name}`) : payload;
}

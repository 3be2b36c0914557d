import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask } from "./ask.ts";
import { Refused, type Trouble } from "./problem.ts";

/** What is known of a place of the API. Old data stays while new is asked for, and when it cannot be had. */
export interface Known<T> {
  data: T | undefined;
  /** Of the last time that it was asked. */
  trouble: Trouble | undefined;
}

export interface Shown<T> extends Known<T> {
  /** When the server last said so, in milliseconds: apart, since it says the same again and again, and nothing else is drawn anew for that. */
  at: ReadonlySignal<number | undefined>;
  /** The data are of what was asked for before: the answer to this is not there yet. */
  old: boolean;
  reload(): void;
}

/** How long until it is asked again, in milliseconds, when so much is known. */
export type Pace<T> = (data: T | undefined) => number;

/** So many places are remembered, for who comes back to one. */
const MOST = 60;
const RETRY_MS = 5000;
const NOTHING: Known<never> = { data: undefined, trouble: undefined };
const NEVER: ReadonlySignal<undefined> = signal(undefined);
const resources = new Map<string, Resource<unknown>>();

/**
 * What the API says of a path, asked for anew while somebody looks. Nothing is asked from a tab that is hidden.
 *
 * @param path undefined for nothing yet
 * @param options.everyMs how long until it is asked again, or what tells that by what is known then; 0 for never. Another one, or other function,
 *   asks at once. Default 5 s; with ETags most answers are empty
 */
export function useResource<T>(
  path: string | undefined,
  { everyMs = 5000 }: { everyMs?: number | Pace<T> } = {},
): Shown<T> {
  const resource = path === undefined ? undefined : resourceOf<T>(path);
  const before = useRef<Pick<Shown<T>, "data" | "at">>({ data: undefined, at: NEVER });
  useEffect(() => resource?.watch(everyMs), [resource, everyMs]);
  const { data, trouble } = resource?.known.value ?? NOTHING;
  const reload = () => void resource?.load();
  if (data !== undefined) {
    before.current = { data, at: resource!.at };
    return { ...before.current, trouble, old: false, reload };
  }
  const shown = trouble ? { data: undefined, at: NEVER } : before.current;
  return { ...shown, trouble, old: shown.data !== undefined, reload };
}

/** Asks anew for whatever begins so and is looked at: to be called after something was changed. */
export function refresh(...prefixes: readonly string[]): void {
  for (const [path, resource] of resources) {
    if (prefixes.some((prefix) => path.startsWith(prefix))) resource.renew();
  }
}

function resourceOf<T>(path: string): Resource<T> {
  const there = resources.get(path);
  if (there) {
    resources.delete(path);
    resources.set(path, there);
    return there as Resource<T>;
  }
  for (const [old, resource] of resources) {
    if (resources.size < MOST) break;
    if (!resource.watched) resources.delete(old);
  }
  const made = new Resource<T>(path);
  resources.set(path, made as Resource<unknown>);
  return made;
}

class Resource<T> {
  readonly #path: string;
  readonly #known = signal<Known<T>>(NOTHING as Known<T>);
  readonly #at = signal<number | undefined>(undefined);
  #etag: string | undefined;
  #watchers = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pace: number | Pace<T> = 0;
  #underWay: AbortController | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  get known(): ReadonlySignal<Known<T>> {
    return this.#known;
  }

  get at(): ReadonlySignal<number | undefined> {
    return this.#at;
  }

  get watched(): boolean {
    return this.#watchers > 0;
  }

  /** @returns ends the watching */
  watch(pace: number | Pace<T>): () => void {
    this.#pace = pace;
    const isThere = this.watched && (this.#underWay !== undefined || this.#age < this.#everyMs);
    this.#watchers++;
    const onVisible = () => document.visibilityState === "visible" && this.renew();
    document.addEventListener("visibilitychange", onVisible);
    // Of all buttons of a page each wants to know who looks: who joins others sees what they see, or are about to.
    if (!isThere) void this.load();
    return () => {
      document.removeEventListener("visibilitychange", onVisible);
      if (--this.#watchers > 0) return;
      clearTimeout(this.#timer);
      this.#underWay?.abort();
    };
  }

  get #everyMs(): number {
    return typeof this.#pace === "number" ? this.#pace : this.#pace(this.#known.peek().data);
  }

  get #age(): number {
    return Date.now() - (this.#at.peek() ?? -Infinity);
  }

  /** What is looked at is asked for now, else when somebody looks. */
  renew(): void {
    if (this.watched) void this.load();
  }

  async load(): Promise<void> {
    this.#underWay?.abort();
    const mine = new AbortController();
    this.#underWay = mine;
    clearTimeout(this.#timer);
    try {
      const { data, etag } = await ask<T>(this.#path, { signal: mine.signal, etag: this.#etag });
      this.#etag = etag;
      this.#at.value = Date.now();
      const old = this.#known.peek();
      // Where it is as it was, what shows it stays as it is.
      if (data !== undefined || old.trouble) {
        this.#known.value = { data: data ?? old.data, trouble: undefined };
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      this.#known.value = { ...this.#known.peek(), trouble: error.trouble };
    }
    if (this.#underWay === mine) this.#underWay = undefined;
    this.#again();
  }

  #again(): void {
    const { trouble } = this.#known.peek();
    // What may be over in a moment is tried again soon, however seldom it is asked otherwise.
    const passes = trouble !== undefined && (trouble.status === 0 || trouble.status === 503);
    const everyMs = passes ? Math.min(this.#everyMs || RETRY_MS, RETRY_MS) : this.#everyMs;
    if (!this.watched || everyMs === 0) return;
    this.#timer = setTimeout(() => {
      if (document.visibilityState === "visible") void this.load();
    }, everyMs);
  }
}

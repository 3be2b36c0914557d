import { type ReadonlySignal, signal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ask } from "./ask.ts";
import { Refused, type Trouble } from "./problem.ts";

/** How the pages of a list are asked for, and read. */
export interface Paging<Row, Page> {
  /** @param cursor of the page; undefined for the first */
  path: (cursor: string | undefined) => string;
  rows: (page: Page) => readonly Row[];
  /** Where the next page begins; null at the end. */
  next: (page: Page) => string | null;
  key: (row: Row) => string;
}

interface Part<Row> {
  cursor: string | undefined;
  next: string | null;
  count: number;
  /** Undefined for one that was dropped: it is asked for again when somebody scrolls there. */
  rows: readonly Row[] | undefined;
}

interface State<Row, Page> {
  parts: readonly Part<Row>[];
  /** The page that was asked for last, for what it says besides its rows. */
  page: Page | undefined;
  at: number | undefined;
  trouble: Trouble | undefined;
  loading: boolean;
  /** Rows that have come since, and wait until somebody wants them. */
  fresh: number;
}

/** More rows are not kept; the parts farthest from what is looked at are dropped. */
const MOST_ROWS = 5000;
const LOOK_EVERY_MS = 5000;

/**
 * A list that is too long to have: it is read page by page from where the last one ended, so no page costs more than the first, and rows do not
 * move between pages. Rows that are there are changed in place; new ones are counted, and shown when asked for.
 */
export class KeysetList<Row, Page> {
  readonly #paging: Paging<Row, Page>;
  readonly #state = signal<State<Row, Page>>({
    parts: [],
    page: undefined,
    at: undefined,
    trouble: undefined,
    loading: false,
    fresh: 0,
  });
  #head: { etag: string | undefined; page: Page } | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #underWay = new Map<string, AbortController>();

  constructor(paging: Paging<Row, Page>) {
    this.#paging = paging;
  }

  get state(): ReadonlySignal<State<Row, Page>> {
    return this.#state;
  }

  /** How many rows there are so far, and whether there are more. */
  get length(): number {
    return this.#state.value.parts.reduce((sum, { count }) => sum + count, 0);
  }

  get ended(): boolean {
    const last = this.#state.value.parts.at(-1);
    return last !== undefined && last.next === null;
  }

  /** @returns undefined for one that is not there at the moment */
  row(index: number): Row | undefined {
    let from = 0;
    for (const { rows, count } of this.#state.value.parts) {
      if (index < from + count) return rows?.[index - from];
      from += count;
    }
    return undefined;
  }

  /** Begins to look for what has changed. @returns ends it */
  watch(): () => void {
    if (this.#state.peek().parts.length === 0) void this.begin();
    this.#timer = setInterval(() => {
      if (document.visibilityState === "visible") void this.#lookAtHead();
    }, LOOK_EVERY_MS);
    return () => {
      clearInterval(this.#timer);
      for (const one of this.#underWay.values()) one.abort();
      this.#underWay.clear();
    };
  }

  /** From the newest, with all that has come since. */
  async begin(): Promise<void> {
    const read = await this.#read(undefined);
    if (!read) return;
    this.#head = read;
    const { page } = read;
    this.#set({ parts: [this.#part(undefined, page)], page, at: Date.now(), fresh: 0 });
  }

  /** Has what lies between these rows loaded, and the next page where they reach the end. */
  need(from: number, to: number): void {
    const { parts } = this.#state.peek();
    let start = 0;
    for (const part of parts) {
      const end = start + part.count;
      if (!part.rows && start < to && end > from) void this.#restore(part, from);
      start = end;
    }
    const last = parts.at(-1);
    if (last?.next && to >= start) void this.#extend(last.next, from);
  }

  /** Takes rows that have changed, in the places where they are. */
  take(changed: readonly Row[]): void {
    const { key } = this.#paging;
    const now = new Map(changed.map((row) => [key(row), row]));
    const parts = this.#state
      .peek()
      .parts.map((part) =>
        part.rows?.some((row) => now.has(key(row)))
          ? { ...part, rows: part.rows.map((row) => now.get(key(row)) ?? row) }
          : part,
      );
    this.#set({ parts });
  }

  async #extend(cursor: string, near: number): Promise<void> {
    const read = await this.#read(cursor);
    if (!read) return;
    const { parts } = this.#state.peek();
    if (parts.at(-1)?.next !== cursor) return;
    this.#set({
      parts: this.#trimmed([...parts, this.#part(cursor, read.page)], near),
      page: read.page,
    });
  }

  async #restore(part: Part<Row>, near: number): Promise<void> {
    const read = await this.#read(part.cursor);
    if (!read) return;
    const restored = this.#part(part.cursor, read.page);
    const parts = this.#state
      .peek()
      .parts.map((one) => (one.cursor === part.cursor ? { ...restored, next: one.next } : one));
    this.#set({ parts: this.#trimmed(parts, near) });
  }

  async #lookAtHead(): Promise<void> {
    if (!this.#head) return this.begin();
    const read = await this.#read(undefined, this.#head.etag);
    if (!read) return;
    this.#head = read;
    const { key, rows } = this.#paging;
    const now = new Map(rows(read.page).map((row) => [key(row), row]));
    const parts = this.#state.peek().parts.map((part) => ({
      ...part,
      rows: part.rows?.map((row) => now.get(key(row)) ?? row),
    }));
    const [first] = parts;
    const shown = new Set(first?.rows?.map(key));
    const newest = first?.rows?.[0];
    const place = newest === undefined ? -1 : [...now.keys()].indexOf(key(newest));
    // Those above the first that is shown; all of them when it has left the page.
    const above = [...now.keys()].slice(0, place < 0 ? undefined : place);
    this.#set({ parts, at: Date.now(), fresh: above.filter((one) => !shown.has(one)).length });
    // There was nothing: what has come moves nothing under anybody's hand.
    if (newest === undefined && now.size > 0) await this.begin();
  }

  /** @returns undefined when there is nothing new, or it could not be had, which then is told */
  async #read(
    cursor: string | undefined,
    etag?: string,
  ): Promise<{ page: Page; etag: string | undefined } | undefined> {
    const name = cursor ?? "";
    if (this.#underWay.has(name)) return undefined;
    const mine = new AbortController();
    this.#underWay.set(name, mine);
    this.#set({ loading: true });
    try {
      const path = this.#paging.path(cursor);
      const answer = await ask<Page>(path, { signal: mine.signal, etag });
      this.#set({ trouble: undefined });
      return answer.data === undefined ? undefined : { page: answer.data, etag: answer.etag };
    } catch (error) {
      if (mine.signal.aborted) return undefined;
      if (!(error instanceof Refused)) throw error;
      this.#set({ trouble: error.trouble });
      return undefined;
    } finally {
      this.#underWay.delete(name);
      this.#set({ loading: this.#underWay.size > 0 });
    }
  }

  #part(cursor: string | undefined, page: Page): Part<Row> {
    const rows = this.#paging.rows(page);
    return { cursor, next: this.#paging.next(page), count: rows.length, rows };
  }

  #trimmed(parts: readonly Part<Row>[], near: number): readonly Part<Row>[] {
    let kept = parts.reduce((sum, { rows }) => sum + (rows?.length ?? 0), 0);
    if (kept <= MOST_ROWS) return parts;
    const starts = parts.map((_, index) =>
      parts.slice(0, index).reduce((sum, { count }) => sum + count, 0),
    );
    const farthest = parts
      .map((_, index) => index)
      .sort((a, b) => Math.abs(starts[b]! - near) - Math.abs(starts[a]! - near));
    const trimmed = [...parts];
    for (const index of farthest) {
      if (kept <= MOST_ROWS) break;
      kept -= trimmed[index]!.rows?.length ?? 0;
      trimmed[index] = { ...trimmed[index]!, rows: undefined };
    }
    return trimmed;
  }

  #set(changes: Partial<State<Row, Page>>): void {
    this.#state.value = { ...this.#state.peek(), ...changes };
  }
}

/**
 * A list of the API.
 *
 * @param name what of it is asked for: another name is another list. The rows of the one before stay, as `old`, until there are new ones
 */
export function useKeysetList<Row, Page>(
  name: string,
  paging: Paging<Row, Page>,
): { list: KeysetList<Row, Page>; old: boolean; trouble: Trouble | undefined } {
  const asked = useMemo(() => new KeysetList(paging), [name]);
  const before = useRef(asked);
  useEffect(() => asked.watch(), [asked]);
  const { parts, trouble } = asked.state.value;
  if (parts.length > 0 || trouble) before.current = asked;
  return { list: before.current, old: before.current !== asked, trouble };
}

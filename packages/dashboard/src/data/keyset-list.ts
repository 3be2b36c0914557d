import { type ReadonlySignal, batch, computed, signal } from "@preact/signals";
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
  /** The place of its first row in the list. */
  from: number;
  count: number;
  /** Undefined for one that was dropped: it is asked for again when somebody scrolls there. */
  rows: readonly Row[] | undefined;
}

/** More rows are not kept; the parts farthest from what is looked at are dropped. */
const MOST_ROWS = 5000;
const LOOK_EVERY_MS = 5000;
/** The next page is asked for so many rows before the end is seen, so that a quick hand does not come to it. */
const AHEAD = 100;

/**
 * A list that is too long to have: it is read page by page from where the last one ended, so no page costs more than the first, and rows do not
 * move between pages. Rows that are there are changed in place; new ones are counted, and shown when asked for.
 *
 * What is known of it are signals each of its own: a page that comes draws the rows anew, and nothing else does.
 */
export class KeysetList<Row, Page> {
  readonly #paging: Paging<Row, Page>;
  readonly #parts = signal<readonly Part<Row>[]>([]);
  readonly #page = signal<Page | undefined>(undefined);
  readonly #trouble = signal<Trouble | undefined>(undefined);
  readonly #loading = signal(false);
  readonly #fresh = signal(0);
  #head: { etag: string | undefined; page: Page } | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #underWay = new Map<string, AbortController>();

  /** Whether anything of it has come. */
  readonly begun = computed(() => this.#parts.value.length > 0);
  /** How many rows there are so far. */
  readonly length = computed(() => lengthOf(this.#parts.value));
  /** Whether there are no more. */
  readonly ended = computed(() => this.#parts.value.at(-1)?.next === null);

  constructor(paging: Paging<Row, Page>) {
    this.#paging = paging;
  }

  /** The page that was asked for last, for what it says besides its rows. */
  get page(): ReadonlySignal<Page | undefined> {
    return this.#page;
  }

  /** Of the last time that something was asked. */
  get trouble(): ReadonlySignal<Trouble | undefined> {
    return this.#trouble;
  }

  get loading(): ReadonlySignal<boolean> {
    return this.#loading;
  }

  /** Rows that have come since, and wait until somebody wants them. */
  get fresh(): ReadonlySignal<number> {
    return this.#fresh;
  }

  /** @returns undefined for one that is not there at the moment */
  row(index: number): Row | undefined {
    const part = partAt(this.#parts.value, index);
    return part?.rows?.[index - part.from];
  }

  /** Begins to look for what has changed. @returns ends it */
  watch(): () => void {
    if (this.#parts.peek().length === 0) void this.begin();
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
    await this.#read(undefined, undefined, (read) => {
      this.#head = read;
      this.#parts.value = [this.#part(undefined, read.page, 0)];
      this.#page.value = read.page;
      this.#fresh.value = 0;
    });
  }

  /** Has what lies between these rows loaded, and the next page where they come near the end. */
  need(from: number, to: number): void {
    const parts = this.#parts.peek();
    for (let n = placeOf(parts, from); n < parts.length && parts[n]!.from < to; n++) {
      if (!parts[n]!.rows) void this.#restore(parts[n]!, from);
    }
    const last = parts.at(-1);
    // A search that was stopped has found little: no more of it is asked for than somebody sees.
    const ahead = last ? Math.min(AHEAD, Math.floor(last.count / 2)) : 0;
    if (last?.next && to + ahead >= lengthOf(parts)) void this.#extend(last.next, from);
  }

  /** Takes rows that have changed, in the places where they are. */
  take(changed: readonly Row[]): void {
    const { key } = this.#paging;
    const now = new Map(changed.map((row) => [key(row), row]));
    const parts = this.#parts.peek();
    const isAmong = (row: Row) => now.has(key(row));
    if (!parts.some(({ rows }) => rows?.some(isAmong))) return;
    this.#parts.value = parts.map((part) =>
      part.rows?.some(isAmong)
        ? { ...part, rows: part.rows.map((row) => now.get(key(row)) ?? row) }
        : part,
    );
  }

  async #extend(cursor: string, near: number): Promise<void> {
    await this.#read(cursor, undefined, ({ page }) => {
      const parts = this.#parts.peek();
      if (parts.at(-1)?.next !== cursor) return;
      const part = this.#part(cursor, page, lengthOf(parts));
      this.#parts.value = trimmed([...parts, part], near);
      this.#page.value = page;
    });
  }

  async #restore({ cursor }: Part<Row>, near: number): Promise<void> {
    await this.#read(cursor, undefined, ({ page }) => {
      let from = 0;
      const parts = this.#parts.peek().map((one) => {
        const part =
          one.cursor === cursor
            ? { ...this.#part(cursor, page, from), next: one.next }
            : one.from === from
              ? one
              : { ...one, from };
        from += part.count;
        return part;
      });
      this.#parts.value = trimmed(parts, near);
    });
  }

  async #lookAtHead(): Promise<void> {
    if (!this.#head) return this.begin();
    let isFirst = false;
    await this.#read(undefined, this.#head.etag, (read) => {
      this.#head = read;
      const { key, rows } = this.#paging;
      const now = rows(read.page);
      this.take(now);
      const first = this.#parts.peek()[0]?.rows;
      const shown = new Set(first?.map(key));
      const newest = first?.[0];
      const ids = now.map(key);
      const place = newest === undefined ? -1 : ids.indexOf(key(newest));
      // Those above the first that is shown; all of them when it has left the page.
      const above = ids.slice(0, place < 0 ? undefined : place);
      this.#fresh.value = above.filter((one) => !shown.has(one)).length;
      isFirst = newest === undefined && now.length > 0;
    });
    // There was nothing: what has come moves nothing under anybody's hand.
    if (isFirst) await this.begin();
  }

  /** @param take is given what has come; nothing when there is nothing new, or it could not be had, which then is told. All of it is drawn at once */
  async #read(
    cursor: string | undefined,
    etag: string | undefined,
    take: (read: { page: Page; etag: string | undefined }) => void,
  ): Promise<void> {
    const name = cursor ?? "";
    if (this.#underWay.has(name)) return;
    const mine = new AbortController();
    this.#underWay.set(name, mine);
    this.#loading.value = true;
    try {
      const path = this.#paging.path(cursor);
      const answer = await ask<Page>(path, { signal: mine.signal, etag });
      batch(() => {
        this.#trouble.value = undefined;
        if (answer.data !== undefined) take({ page: answer.data, etag: answer.etag });
        this.#over(name);
      });
    } catch (error) {
      this.#over(name);
      if (mine.signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      this.#trouble.value = error.trouble;
    }
  }

  #over(name: string): void {
    this.#underWay.delete(name);
    this.#loading.value = this.#underWay.size > 0;
  }

  #part(cursor: string | undefined, page: Page, from: number): Part<Row> {
    const rows = this.#paging.rows(page);
    return { cursor, next: this.#paging.next(page), from, count: rows.length, rows };
  }
}

function lengthOf(parts: readonly Part<unknown>[]): number {
  const last = parts.at(-1);
  return last ? last.from + last.count : 0;
}

/** Where the part is that has a row, found by halves. @returns as many as there are where none has it */
function placeOf(parts: readonly Part<unknown>[], index: number): number {
  let [low, high] = [0, parts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const { from, count } = parts[middle]!;
    if (from + count <= index) low = middle + 1;
    else high = middle;
  }
  return low;
}

function partAt<Row>(parts: readonly Part<Row>[], index: number): Part<Row> | undefined {
  return parts[placeOf(parts, index)];
}

/** Without the rows that are farthest from where somebody looks, where there are too many. */
function trimmed<Row>(parts: readonly Part<Row>[], near: number): readonly Part<Row>[] {
  let kept = parts.reduce((sum, { rows }) => sum + (rows?.length ?? 0), 0);
  if (kept <= MOST_ROWS) return parts;
  const farthest = [...parts.keys()].sort(
    (a, b) => Math.abs(parts[b]!.from - near) - Math.abs(parts[a]!.from - near),
  );
  const left = [...parts];
  for (const index of farthest) {
    if (kept <= MOST_ROWS) break;
    kept -= left[index]!.rows?.length ?? 0;
    left[index] = { ...left[index]!, rows: undefined };
  }
  return left;
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
  const trouble = asked.trouble.value;
  if (asked.begun.value || trouble) before.current = asked;
  return { list: before.current, old: before.current !== asked, trouble };
}

import type { Database } from "millrace";

/** By the name of a table, view or sequence: what is done to it. */
export type Rights = Record<string, string[]>;

interface Catalogue {
  relations: Map<string, "table" | "sequence" | "view">;
  /** Of all functions of that name; closed ones run with the rights of their owner. */
  functions: Map<string, { bodies: string[]; closed: boolean }>;
  triggers: { table: string; verbs: string[]; function: string }[];
  defaults: Map<string, string[]>;
  views: Map<string, string>;
}

/** What these texts do, and the functions and triggers that they set off, to tables, views and sequences. */
export async function rightsFor(db: Database, texts: Iterable<string>): Promise<Rights> {
  const catalogue = await readCatalogue(db);
  const rights = new Map<string, Set<string>>();
  const called = new Set<string>();
  const fired = new Set<string>();
  const queue = [...texts];
  for (let text = queue.pop(); text !== undefined; text = queue.pop()) {
    for (const [name, verb] of verbsIn(text, catalogue)) {
      add(rights, name, verb);
      for (const trigger of catalogue.triggers) {
        if (trigger.table !== name || !trigger.verbs.includes(verb)) continue;
        if (fired.has(trigger.function)) continue;
        fired.add(trigger.function);
        queue.push(...(catalogue.functions.get(trigger.function)?.bodies ?? []));
      }
      if (verb === "insert") {
        for (const sequence of catalogue.defaults.get(name) ?? []) add(rights, sequence, "usage");
      }
    }
    for (const name of mentionsIn(text)) {
      const found = catalogue.functions.get(name);
      if (found && !called.has(name)) {
        called.add(name);
        if (found.closed) add(rights, `${name}()`, "execute");
        else queue.push(...found.bodies);
      }
      // Whose functions run with the rights of who looks.
      const view = catalogue.views.get(name);
      if (view && !called.has(name)) {
        called.add(name);
        const functions = mentionsIn(view).filter((one) => catalogue.functions.has(one));
        queue.push(functions.map((one) => `millrace.${one}(`).join(" "));
      }
    }
  }
  return Object.fromEntries(
    [...rights].map(([name, verbs]): [string, string[]] => [name, [...verbs].sort()]),
  );
}

function mentionsIn(text: string): string[] {
  return [...text.matchAll(/millrace\.(\w+)/g)].map(([, name]) => name!);
}

function* verbsIn(text: string, { relations }: Catalogue): Generator<[string, string]> {
  const sql = text.replaceAll(/--[^\n]*/g, "").replaceAll(/\s+/g, " ");
  for (const [, name = ""] of sql.matchAll(/nextval\('millrace\.(\w+)'/g)) yield [name, "usage"];
  for (const match of sql.matchAll(/insert into millrace\.(\w+)/g)) {
    const name = match[1]!;
    yield [name, "insert"];
    const rest = sql.slice(match.index + 10).split("insert into millrace.")[0]!;
    if (/on conflict[^;]*? do update/.test(rest)) {
      yield [name, "update"];
      yield [name, "select"];
    } else if (/on conflict/.test(rest)) {
      // Which of its columns are compared must be known.
      yield [name, "select"];
    }
    if (/\breturning\b/.test(closedPart(rest))) yield [name, "select"];
  }
  for (const [, name = ""] of sql.matchAll(
    /(?<!for (?:no key )?)update (?:only )?millrace\.(\w+)/g,
  )) {
    yield [name, "update"];
    yield [name, "select"];
  }
  for (const [, name = ""] of sql.matchAll(/delete from (?:only )?millrace\.(\w+)/g)) {
    yield [name, "delete"];
    yield [name, "select"];
  }
  for (const match of sql.matchAll(/(?<!insert into )millrace\.(\w+)(?!\w|\()/g)) {
    const name = match[1]!;
    const kind = relations.get(name);
    if (kind === "table" || kind === "view") {
      const before = sql.slice(Math.max(0, match.index - 16), match.index);
      if (/(from|join|using|,|only)\s*\(?\s*$/.test(before)) yield [name, "select"];
    }
  }
  yield* lockedIn(sql, relations);
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const values = map.get(key) ?? new Set();
  map.set(key, values.add(value));
}

/** The select that a clause at its end belongs to, without what is in parentheses in it. */
function selectBefore(sql: string, end: number): string {
  let depth = 0;
  let part = "";
  for (let at = end - 1; at >= 0; at--) {
    const letter = sql[at]!;
    if (letter === ")") depth++;
    else if (letter === "(" && --depth < 0) break;
    else if (letter === ";") break;
    else if (depth === 0) part = letter + part;
  }
  // In PL/pgSQL it may be called perform.
  return part.slice(Math.max(0, part.lastIndexOf("select"), part.lastIndexOf("perform")));
}

/** Up to where the parenthesis around it ends. */
function closedPart(text: string): string {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "(") depth++;
    if (text[at] === ")" && --depth < 0) return text.slice(0, at);
    if (text[at] === ";") return text.slice(0, at);
  }
  return text;
}

/** Row locks take the right to update. */
function* lockedIn(sql: string, relations: Catalogue["relations"]): Generator<[string, string]> {
  const locks =
    /\bfor (?:no key update|update|key share|share)(?: of ([\w, ]+?))?(?= skip| nowait| loop|\)|;|$| \))/g;
  for (const { index, 1: of } of sql.matchAll(locks)) {
    const part = selectBefore(sql, index);
    for (const [, name = "", alias] of part.matchAll(/millrace\.(\w+)(?: (?:as )?(\w+))?/g)) {
      if (relations.get(name) !== "table") continue;
      if (of === undefined || of.split(/, ?/).includes(alias ?? name)) yield [name, "update"];
    }
  }
}

function sequencesOf(defaults: readonly { table: string; text: string }[]): Map<string, string[]> {
  const sequences = new Map<string, string[]>();
  for (const { table, text } of defaults) {
    const own = [...text.matchAll(/nextval\('millrace\.(\w+)'/g)].map(([, name]) => name!);
    sequences.set(table, [...(sequences.get(table) ?? []), ...own]);
  }
  return sequences;
}

async function readCatalogue(db: Database): Promise<Catalogue> {
  const rows = async <Row extends object>(sql: string) => (await db.query<Row>(sql)).rows;
  const relations = await rows<{ name: string; kind: "table" | "sequence" | "view" }>(
    `select relname as name, case relkind when 'S' then 'sequence' when 'v' then 'view' else 'table' end as kind
     from pg_class where relnamespace = 'millrace'::regnamespace and relkind in ('r', 'p', 'S', 'v')`,
  );
  const functions = await rows<{ name: string; body: string; closed: boolean }>(
    `select proname as name, prosrc as body, prosecdef as closed from pg_proc where pronamespace = 'millrace'::regnamespace`,
  );
  const triggers = await rows<{ table: string; function: string; type: number }>(
    `select c.relname as table, p.proname as function, t.tgtype::int as type
     from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
     where c.relnamespace = 'millrace'::regnamespace and not t.tgisinternal and t.tgparentid = 0`,
  );
  const defaults = await rows<{ table: string; text: string }>(
    `select c.relname as table, pg_get_expr(d.adbin, d.adrelid) as text
     from pg_attrdef d join pg_class c on c.oid = d.adrelid where c.relnamespace = 'millrace'::regnamespace`,
  );
  const views = await rows<{ name: string; text: string }>(
    `select viewname as name, definition as text from pg_views where schemaname = 'millrace'`,
  );
  const byName = new Map<string, { bodies: string[]; closed: boolean }>();
  for (const { name, body, closed } of functions) {
    const known = byName.get(name) ?? { bodies: [], closed: true };
    byName.set(name, { bodies: [...known.bodies, body], closed: known.closed && closed });
  }
  return {
    relations: new Map(relations.map(({ name, kind }) => [name, kind])),
    functions: byName,
    triggers: triggers.map(({ table, function: name, type }) => ({
      ...{ table, function: name },
      verbs: [
        ...((type & 4) !== 0 ? ["insert"] : []),
        ...((type & 8) !== 0 ? ["delete"] : []),
        ...((type & 16) !== 0 ? ["update"] : []),
      ],
    })),
    defaults: sequencesOf(defaults),
    views: new Map(views.map(({ name, text }) => [name, text])),
  };
}

import { readFileSync } from "node:fs";

const SERVER = new URL("../../packages/server/src/", import.meta.url);

type Root = readonly [file: string, name: string];

const EVERY: readonly Root[] = [
  ["cli/serve/ground.ts", "openGround"],
  ["cli/serve/ground.ts", "openBell"],
  ["cli/serve/refuse-pending.ts", "refusePending"],
];

/** What each kind of process begins with: see start-role.ts and start-worker.ts. */
const ROOTS = {
  api: [
    ["cli/serve/begin-api.ts", "beginApi"],
    ["cli/serve/open-values.ts", "openValues"],
    ["cli/serve/secrets.ts", "checkSecretKeys"],
  ],
  scheduler: [["cli/serve/begin-scheduler.ts", "beginScheduler"]],
  worker: [
    ["cli/serve/start-worker.ts", "begin"],
    ["worker/heartbeat-thread.ts", "keepBeating"],
  ],
  maintenance: [
    ["cli/serve/begin-maintenance.ts", "beginMaintenance"],
    ["cli/serve/open-values.ts", "openValues"],
    ["cli/serve/prune-history.ts", "pruneHistory"],
  ],
} as const satisfies Record<string, readonly Root[]>;

export type Kind = keyof typeof ROOTS;

export const KINDS = Object.keys(ROOTS) as Kind[];

/** What stands at the top of a module, and where its other names come from. */
interface Module {
  /** Without the methods of classes. */
  declarations: Map<string, string>;
  /** Of each class its methods, which are followed when somebody names them. */
  methods: Map<string, [name: string, text: string][]>;
  imports: Map<string, { file: URL; name: string }>;
}

const modules = new Map<string, Module>();

/**
 * The texts of SQL that a kind of process can send, by title or place. They are found by following names from where it begins: a declaration leads to
 * all that it names, a class to those of its methods whose name is said by anybody who was found. That is more than is ever sent, and not much more.
 */
export async function statementsOf(kind: Kind): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const seen = new Set<string>();
  const said = new Set<string>();
  const waiting = new Map<string, [file: URL, text: string][]>();
  const queue: [file: URL, text: string][] = [];

  const visit = async (file: URL, name: string): Promise<void> => {
    const place = `${file.href.slice(SERVER.href.length)} ${name}`;
    if (seen.has(place)) return;
    seen.add(place);
    const module = moduleAt(file);
    const text = module.declarations.get(name);
    if (text === undefined) {
      const again = module.imports.get(name);
      return again && visit(again.file, again.name);
    }
    // One that is not exported is told by those who use it, whose texts have it in them.
    const statement = await statementNamed(file, name);
    if (statement) texts.set(place, statement.text);
    else if (text.includes("millrace.")) texts.set(place, text);
    queue.push([file, text]);
    for (const [method, body] of module.methods.get(name) ?? []) {
      if (body.includes("millrace.")) texts.set(`${place}.${method}`, body);
      if (said.has(method)) queue.push([file, body]);
      else waiting.set(method, [...(waiting.get(method) ?? []), [file, body]]);
    }
  };

  const roots: readonly Root[] = [...EVERY, ...ROOTS[kind]];
  for (const [path, name] of roots) await visit(new URL(path, SERVER), name);
  for (let next = queue.pop(); next; next = queue.pop()) {
    const [file, text] = next;
    const { declarations, imports } = moduleAt(file);
    for (const [name] of text.matchAll(/#?\b[A-Za-z_$][\w$]*/g)) {
      if (!said.has(name)) {
        said.add(name);
        queue.push(...(waiting.get(name) ?? []));
        waiting.delete(name);
      }
      const from = imports.get(name);
      if (declarations.has(name)) await visit(file, name);
      else if (from) await visit(from.file, from.name);
    }
  }
  return texts;
}

/** Some are made by a function. */
async function statementNamed(file: URL, name: string): Promise<{ text: string } | undefined> {
  if (!/\/(store|transport)\//.test(file.href)) return undefined;
  const loaded = (await import(file.href)) as Record<string, unknown>;
  const value = loaded[name];
  return typeof value === "function" && "title" in value && "text" in value
    ? { text: String(value.text) }
    : undefined;
}

function moduleAt(file: URL): Module {
  const known = modules.get(file.href);
  if (known) return known;
  const module = read(file);
  modules.set(file.href, module);
  return module;
}

/** The formatter puts what stands at the top at the first column, and methods at the third. */
function read(file: URL): Module {
  const source = readFileSync(file, "utf8").replaceAll(/^\s*\/\*\*[^]*?\*\/$/gm, "");
  const declarations = new Map<string, string>();
  const methods = new Map<string, [string, string][]>();
  const form =
    /^(?:export )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let) (\w+)/;
  for (const part of source.split(/\n(?=\S)(?![)\]}])/)) {
    const [head, name] = form.exec(part) ?? [];
    if (head === undefined || name === undefined) continue;
    if (!head.endsWith(`class ${name}`)) {
      declarations.set(name, (declarations.get(name) ?? "") + part);
      continue;
    }
    const [top = "", ...rest] = part.split(/\n(?= {2}[\w#*])/);
    const own: [string, string][] = [];
    let always = top;
    for (const member of rest) {
      const [, method] =
        /^ {2}(?:(?:static|async|get|set|override) |\*\s?)*(#?\w+)(?:<[^(]*>)?\(/.exec(member) ??
        [];
      if (method === undefined || method === "constructor") always += `\n${member}`;
      else own.push([method, member]);
    }
    declarations.set(name, always);
    methods.set(name, own);
  }
  return { declarations, methods, imports: importsOf(file, source) };
}

/** Those of values of ours: a type sends nothing. */
function importsOf(file: URL, source: string): Module["imports"] {
  const imports: Module["imports"] = new Map();
  const form = /(?:^|\n)(?:import|export)\s+(type\s+)?\{([^}]*)\}\s+from\s+"(\.[^"]+)"/g;
  for (const [, type, list = "", path = ""] of source.matchAll(form)) {
    if (type) continue;
    for (const item of list.split(",").map((one) => one.trim())) {
      if (item === "" || item.startsWith("type ")) continue;
      const [name = "", alias = name] = item.split(/\s+as\s+/);
      imports.set(alias, { file: new URL(path, file), name });
    }
  }
  return imports;
}

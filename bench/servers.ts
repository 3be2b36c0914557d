import { execFileSync } from "node:child_process";
import { PostgresServer } from "./servers/postgres.ts";
import { RedisServer } from "./servers/redis.ts";
import type { Store, SubjectSpec } from "./subjects.ts";
import type { Undo } from "./undo.ts";

/** Debian's own, which sees Debian's packages; one from elsewhere does not. */
const PYTHON = "/usr/bin/python3";

/** The servers that the subjects of this run need, and what the machine lacks for some of them. */
export class Servers {
  readonly postgres: PostgresServer;
  readonly #redis = new Map<Store, RedisServer>();
  /** Subject -> why it cannot take part. */
  readonly skipped = new Map<string, string>();
  readonly python = PYTHON;

  private constructor(postgres: PostgresServer) {
    this.postgres = postgres;
  }

  static async start(url: string, subjects: readonly SubjectSpec[], undo: Undo): Promise<Servers> {
    const servers = new Servers(await PostgresServer.connect(url, undo));
    for (const spec of subjects) {
      const why = lacks(spec);
      if (why) servers.skipped.set(spec.name, why);
      else if (spec.store !== "postgres" && !servers.#redis.has(spec.store)) {
        const fsync = spec.store === "redis always" ? "always" : "everysec";
        servers.#redis.set(spec.store, await RedisServer.start(fsync, undo));
      }
    }
    return servers;
  }

  of(store: Store): PostgresServer | RedisServer {
    return store === "postgres" ? this.postgres : this.#redis.get(store)!;
  }
}

/** Why a subject cannot run here. Debian packages that it needs are installed if we may. */
function lacks(spec: SubjectSpec): string | undefined {
  if (spec.store !== "postgres" && !works("redis-server", ["--version"])) {
    if (!install(["redis-server"]))
      return "redis-server is not installed (apt-get install redis-server)";
  }
  if (spec.python && !works(PYTHON, ["-c", "import celery, redis"])) {
    if (!install(["python3-celery", "python3-redis"])) {
      return "Debian's python3-celery and python3-redis are not installed (apt-get install python3-celery python3-redis)";
    }
  }
  return undefined;
}

function works(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function install(packages: string[]): boolean {
  if (process.getuid?.() !== 0 || !works("apt-get", ["--version"])) return false;
  console.error(`Installing ${packages.join(", ")}…`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  try {
    execFileSync("apt-get", ["install", "-y", "--no-install-recommends", ...packages], {
      stdio: "ignore",
      env,
    });
    return true;
  } catch {
    return false;
  }
}

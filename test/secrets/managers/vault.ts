import { randomUUID } from "node:crypto";
import { VaultManager } from "../../../packages/server/src/security/managers/vault-manager.ts";
import { readVaultUrl } from "../../../packages/server/src/security/managers/vault-url.ts";
import { FaultyServer, type ManagerUnderTest, type Question, type Reply } from "./manager.ts";

const ERRORS = {
  denied: { status: 403, json: { errors: ["1 error occurred:\n\t* permission denied\n\n"] } },
  invalid: { status: 400, json: { errors: ["invalid role or secret ID"] } },
  nothing: { status: 404, json: { errors: [] } },
};

interface Token {
  lifeSeconds: number;
  renewable: boolean;
  endsAt: number;
}

export interface VaultOptions {
  /** Of tokens that a login gives. Default an hour. */
  lifeSeconds?: number;
  renewable?: boolean;
  /** What `lease_duration` says of secrets of version 1, in seconds. */
  leaseSeconds?: number;
  namespace?: string;
}

/**
 * Speaks what is used of Vault's API, as its documentation has it: logins of Kubernetes and AppRole, renewal, and KV in both versions, version 2 at
 * `secret/` and version 1 at `kv/`.
 */
export class VaultServer {
  readonly values = new Map<string, Record<string, unknown>>();
  readonly denied = new Set<string>();
  readonly tokens = new Map<string, Token>();
  readonly options: VaultOptions;
  logins = 0;
  renewals = 0;
  /** Which those may use that log in. */
  role = { name: "millrace", credential: "the-secret-id" };
  server!: FaultyServer;

  private constructor(options: VaultOptions) {
    this.options = options;
  }

  static async start(options: VaultOptions = {}): Promise<VaultServer> {
    const vault = new VaultServer(options);
    vault.server = await FaultyServer.start(
      (question) => vault.#answer(question),
      ({ url }) => /^\/v1\/(secret|kv)\//.test(url.pathname),
    );
    return vault;
  }

  /** A token that is there from the start. */
  give(token: string, { lifeSeconds = 0, renewable = false } = {}): string {
    const endsAt = lifeSeconds === 0 ? Infinity : Date.now() + lifeSeconds * 1000;
    this.tokens.set(token, { lifeSeconds, renewable, endsAt });
    return token;
  }

  #answer(question: Question): Reply | undefined {
    const { method, url, headers } = question;
    const path = url.pathname.slice("/v1/".length);
    if (headers["x-vault-namespace"] !== this.options.namespace) return ERRORS.nothing;
    if (method === "POST" && /^auth\/[\w/-]+\/login$/.test(path)) return this.#login(question);
    const token = this.tokens.get(String(headers["x-vault-token"]));
    if (!token || token.endsAt <= Date.now()) return ERRORS.denied;
    if (method === "POST" && path === "auth/token/renew-self") return this.#renew(question, token);
    return method === "GET" ? this.#read(path, url) : undefined;
  }

  #login({ url, body }: Question): Reply {
    const said = JSON.parse(body) as Record<string, string>;
    const { name, credential } = this.role;
    const [role, given] = url.pathname.includes("approle")
      ? [said["role_id"], said["secret_id"]]
      : [said["role"], said["jwt"]];
    if (role !== name || given !== credential) return ERRORS.invalid;
    this.logins++;
    const { lifeSeconds = 3600, renewable = true } = this.options;
    return this.#granted(this.give(`hvs.${randomUUID()}`, { lifeSeconds, renewable }));
  }

  #renew({ headers }: Question, token: Token): Reply {
    if (!token.renewable) return { status: 400, json: { errors: ["lease is not renewable"] } };
    this.renewals++;
    token.endsAt = Date.now() + token.lifeSeconds * 1000;
    return this.#granted(String(headers["x-vault-token"]));
  }

  #granted(client_token: string): Reply {
    const { lifeSeconds: lease_duration, renewable } = this.tokens.get(client_token)!;
    return { status: 200, json: { auth: { client_token, lease_duration, renewable } } };
  }

  #read(path: string, url: URL): Reply {
    const [mount, ...rest] = path.split("/");
    const name = (mount === "secret" ? rest.slice(1) : rest).join("/");
    if (this.denied.has(name)) return ERRORS.denied;
    const data = this.values.get(name);
    if (!data || (mount === "secret" && rest[0] !== "data")) return ERRORS.nothing;
    const { leaseSeconds = 2_764_800 } = this.options;
    const around = { request_id: randomUUID(), lease_id: "", renewable: false, auth: null };
    if (mount === "kv")
      return { status: 200, json: { ...around, lease_duration: leaseSeconds, data } };
    const version = Number(url.searchParams.get("version") ?? 1);
    if (version !== 1) return ERRORS.nothing;
    const metadata = { created_time: "2026-11-26T12:00:00Z", destroyed: false, version };
    return { status: 200, json: { ...around, lease_duration: 0, data: { data, metadata } } };
  }
}

/** As a worker has it that logs in by AppRole. */
export async function startVault(): Promise<ManagerUnderTest> {
  const vault = await VaultServer.start();
  const { server } = vault;
  const url = `${server.address}?auth=approle&role=millrace`;
  const manager = new VaultManager(readVaultUrl(url), "the-secret-id");
  return {
    manager,
    server,
    place: (name) => `secret/data/${name}#value`,
    put: (name, value) => void vault.values.set(name, { value, other: "of no interest" }),
    remove: (name) => void vault.values.delete(name),
    deny: (name) => void vault.denied.add(name),
    forgetWorker: () => {
      vault.tokens.clear();
      vault.role = { name: "another", credential: "another" };
    },
    stop: async () => {
      manager.close();
      await server.stop();
    },
  };
}

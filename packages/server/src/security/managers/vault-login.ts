import { readFile } from "node:fs/promises";
import { SourceAway } from "../source-away.ts";
import { type ManagerAnswer, askManager } from "./ask-manager.ts";
import { isObject } from "./managed-place.ts";
import type { VaultServer } from "./vault-url.ts";

/** Where Kubernetes puts the token of a pod's service account. */
const POD_TOKEN = "file:/var/run/secrets/kubernetes.io/serviceaccount/token";

/** After so much of its life a token is renewed. */
const RENEW_AFTER = 2 / 3;

/** A renewal that got no answer is tried again. */
const RENEW_AGAIN_MS = 30_000;

const RENEW_TIMEOUT_MS = 10_000;

/** Timers count in 31 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const WHO = "Vault";

/** What a login, or a renewal, gave. */
interface Granted {
  readonly token: string;
  /** Infinity for a token that does not end. */
  readonly lifeMs: number;
  readonly renewable: boolean;
}

/**
 * How a worker makes itself known to Vault: by a token that it was given, or one that it gets for the service account of its pod or for an AppRole.
 * Tokens are renewed while they last; one that is not renewable is replaced by another login.
 */
export class VaultLogin {
  readonly #server: VaultServer;
  readonly #credential: string;
  #token: Promise<string> | undefined;
  #renewal: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param credential the token; for `approle` the secret id; for `kubernetes` the token of the pod, unless it is at its usual place; `file:/path`, to be read anew each time */
  constructor(server: VaultServer, credential: string | undefined) {
    this.#server = server;
    this.#credential = credential ?? (server.auth === "kubernetes" ? POD_TOKEN : "");
  }

  /** What a request to Vault says besides its token. */
  get headers(): Record<string, string> {
    const { namespace } = this.#server;
    return {
      "x-vault-request": "true",
      ...(namespace !== undefined && { "x-vault-namespace": namespace }),
    };
  }

  /** @throws SourceAway when Vault does not know this worker */
  token(signal: AbortSignal): Promise<string> {
    if (this.#server.auth === "token") return this.#given();
    this.#token ??= this.#logIn(signal).catch((error: unknown) => {
      this.#token = undefined;
      throw error;
    });
    return this.#token;
  }

  /** @returns whether the next token may be another: Vault has refused the one of before, which may have been revoked */
  forget(): boolean {
    if (this.#server.auth === "token") return this.#credential.startsWith("file:");
    clearTimeout(this.#renewal);
    this.#token = undefined;
    return true;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#renewal);
  }

  /** Who puts a token into a file renews it, too. */
  async #given(): Promise<string> {
    const token = await this.#read();
    if (this.#token === undefined && !this.#credential.startsWith("file:")) {
      this.#token = Promise.resolve(token);
      void this.#renew(token);
    }
    return token;
  }

  async #logIn(signal: AbortSignal): Promise<string> {
    const { auth, role, mount } = this.#server;
    const credential = await this.#read();
    const json =
      auth === "kubernetes" ? { role, jwt: credential } : { role_id: role, secret_id: credential };
    const answer = await this.#post(`auth/${mount}/login`, signal, { json });
    const granted = grantedIn(answer);
    // What it is refused for, a wrong role or secret id, is trouble of this worker, whatever the secret.
    if (!granted) {
      throw new SourceAway(`${WHO} does not let this worker log in (HTTP ${answer.status})`);
    }
    this.#renewLater(granted);
    return granted.token;
  }

  #renewLater({ token, lifeMs, renewable }: Granted): void {
    if (lifeMs === Infinity) return;
    const later = () => (renewable ? void this.#renew(token) : void this.forget());
    this.#in(lifeMs * RENEW_AFTER, later);
  }

  async #renew(token: string): Promise<void> {
    const signal = AbortSignal.timeout(RENEW_TIMEOUT_MS);
    try {
      const answer = await this.#post("auth/token/renew-self", signal, {
        headers: { "x-vault-token": token },
        json: {},
      });
      const granted = grantedIn(answer);
      if (granted) return this.#renewLater(granted);
      if (answer.status >= 500 || answer.status === 429) throw new SourceAway("no answer");
      // It has come to the end of what it may be renewed for, or cannot be renewed at all.
      this.forget();
    } catch {
      this.#in(RENEW_AGAIN_MS, () => void this.#renew(token));
    }
  }

  #in(ms: number, work: () => void): void {
    clearTimeout(this.#renewal);
    if (this.#closed) return;
    // No reason to keep a process.
    this.#renewal = setTimeout(work, Math.min(ms, MAX_TIMER_MS)).unref();
  }

  #post(
    path: string,
    signal: AbortSignal,
    { headers = {}, json }: { headers?: Record<string, string>; json: unknown },
  ): Promise<ManagerAnswer> {
    return askManager(WHO, `${this.#server.address}/v1/${path}`, {
      method: "POST",
      headers: { ...this.headers, ...headers },
      json,
      signal,
    });
  }

  async #read(): Promise<string> {
    const text = this.#credential.startsWith("file:")
      ? await textOf(this.#credential.slice("file:".length))
      : this.#credential;
    const credential = text.trim();
    // Without this fetch would say which character it is that no header can have, and all others.
    if (/^[\x21-\x7e]+$/.test(credential)) return credential;
    throw new SourceAway("this worker has no credential for Vault in MILLRACE_VAULT_CREDENTIAL");
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SourceAway(`the credential for Vault, ${file}, cannot be read (${code})`);
  }
}

function grantedIn({ status, body }: ManagerAnswer): Granted | undefined {
  if (status !== 200 || !isObject(body) || !isObject(body["auth"])) return undefined;
  const { client_token: token, lease_duration: seconds, renewable } = body["auth"];
  if (typeof token !== "string" || typeof seconds !== "number") return undefined;
  return { token, lifeMs: seconds > 0 ? seconds * 1000 : Infinity, renewable: renewable === true };
}

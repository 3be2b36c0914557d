import { type ManagerAnswer, askManager, noAnswerOf, refused } from "./ask-manager.ts";
import { isObject } from "./managed-place.ts";
import type { SecretDocument, SecretManager } from "./secret-manager.ts";
import { VaultLogin } from "./vault-login.ts";
import type { VaultServer } from "./vault-url.ts";

const NOT_THERE =
  "has nothing at it, or not in that version; the path of a secret of KV version 2 has data/ behind its mount";

/**
 * HashiCorp Vault, and what speaks its API. A document is the path of the API: `secret/data/crm` for version 2 of KV mounted at `secret`, `kv/crm` for
 * version 1. Of it only the fields are told.
 */
export class VaultManager implements SecretManager {
  readonly name = "Vault";
  readonly #address: string;
  readonly #login: VaultLogin;

  /** @param credential see {@link VaultLogin} */
  constructor(server: VaultServer, credential: string | undefined) {
    this.#address = server.address;
    this.#login = new VaultLogin(server, credential);
  }

  async read(document: string, signal: AbortSignal): Promise<SecretDocument> {
    let answer = await this.#ask(document, signal);
    // Vault does not tell a token that it no longer knows from a path that may not be read.
    if (answer.status === 403 && this.#login.forget()) answer = await this.#ask(document, signal);
    const { status, body } = answer;
    if (status === 404) throw new Error(`${document}: ${this.name} ${NOT_THERE}`);
    if (status !== 200) refused(this.name, document, status);
    if (!isObject(body) || !isObject(body["data"])) throw noAnswerOf(this.name);
    const { data, lease_duration: seconds } = body;
    const goodForMs = typeof seconds === "number" && seconds > 0 ? seconds * 1000 : undefined;
    return { text: JSON.stringify(fieldsOf(data)), goodForMs };
  }

  close(): void {
    this.#login.close();
  }

  async #ask(document: string, signal: AbortSignal): Promise<ManagerAnswer> {
    const token = await this.#login.token(signal);
    return askManager(this.name, `${this.#address}/v1/${document}`, {
      headers: { ...this.#login.headers, "x-vault-token": token },
      signal,
    });
  }
}

/** Version 2 of KV wraps them once more, and tells the version beside them. */
function fieldsOf(data: Record<string, unknown>): unknown {
  const { data: inner, metadata } = data;
  const wrapped = isObject(inner) && isObject(metadata) && typeof metadata["version"] === "number";
  return wrapped ? inner : data;
}

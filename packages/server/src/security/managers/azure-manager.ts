import { SourceAway } from "../source-away.ts";
import { askManager, noAnswerOf, refused } from "./ask-manager.ts";
import { readAzureDocument } from "./azure-place.ts";
import { loadLibrary } from "./load-library.ts";
import { isObject } from "./managed-place.ts";
import type { SecretDocument, SecretManager } from "./secret-manager.ts";

const API_VERSION = "7.4";

/** Where the vaults of Azure's public cloud are. */
const AZURE_VAULTS = "https://{vault}.vault.azure.net";

interface Credential {
  getToken(
    scope: string,
    options: { abortSignal: AbortSignal },
  ): Promise<{ token: string } | null | undefined>;
}

/** Azure Key Vault, by its REST API; who this worker is, Azure's library finds out (DefaultAzureCredential). */
export class AzureManager implements SecretManager {
  readonly name = "Azure Key Vault";
  readonly #vaults: string;
  #credential: Promise<Credential> | undefined;

  /** @param vaults the address of a vault, with `{vault}` in the place of its name */
  constructor(vaults = AZURE_VAULTS) {
    this.#vaults = vaults;
  }

  async read(document: string, signal: AbortSignal): Promise<SecretDocument> {
    const { vault, name } = readAzureDocument(document);
    const token = await this.#token(signal);
    const address = this.#vaults.replace("{vault}", vault);
    const { status, body } = await askManager(
      this.name,
      `${address}/secrets/${name}?api-version=${API_VERSION}`,
      { headers: { authorization: `Bearer ${token}` }, signal },
    );
    if (status !== 200) refused(this.name, document, status);
    if (!isObject(body) || typeof body["value"] !== "string") throw noAnswerOf(this.name);
    return { text: body["value"] };
  }

  async #token(signal: AbortSignal): Promise<string> {
    this.#credential ??= loadLibrary(
      "azure",
      "@azure/identity",
      "4",
      () => import("@azure/identity"),
    ).then(({ DefaultAzureCredential }) => new DefaultAzureCredential());
    const credential = await this.#credential.catch((error: unknown) => {
      this.#credential = undefined;
      throw error;
    });
    try {
      const answer = await credential.getToken(`${audienceOf(this.#vaults)}/.default`, {
        abortSignal: signal,
      });
      if (answer) return answer.token;
    } catch {
      // What the library says may quote what it was answered.
    }
    throw new SourceAway(
      "this worker has no credentials for Azure Key Vault, or Azure does not take them; see DefaultAzureCredential",
    );
  }
}

/** For whom a token is: the cloud's vaults all together. */
function audienceOf(vaults: string): string {
  const [, suffix] = /\{vault\}\.(vault\.[a-z.]+)$/.exec(vaults) ?? [];
  return `https://${suffix ?? "vault.azure.net"}`;
}

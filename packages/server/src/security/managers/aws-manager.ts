import type * as SecretsManager from "@aws-sdk/client-secrets-manager";
import { SourceAway } from "../source-away.ts";
import { readAwsDocument } from "./aws-place.ts";
import { loadLibrary } from "./load-library.ts";
import type { SecretDocument, SecretManager } from "./secret-manager.ts";

type Library = typeof SecretsManager;

const NOT_THERE = ["ResourceNotFoundException"];

/** What the service says of the secret; all else, also credentials that it does not know, is trouble of this worker, or of the way there. */
const NOT_GIVEN = [
  "AccessDeniedException",
  "DecryptionFailure",
  "InvalidParameterException",
  "InvalidRequestException",
  "ValidationException",
];

/**
 * AWS Secrets Manager, by the AWS client: region, credentials and another endpoint (`AWS_ENDPOINT_URL_SECRETS_MANAGER`) come from where that looks
 * for them.
 */
export class AwsManager implements SecretManager {
  readonly name = "AWS Secrets Manager";
  readonly #clients = new Map<string, SecretsManager.SecretsManagerClient>();

  async read(document: string, signal: AbortSignal): Promise<SecretDocument> {
    const { id, stage, version, region } = readAwsDocument(document);
    const library = await loadLibrary(
      "aws",
      "@aws-sdk/client-secrets-manager",
      "3",
      () => import("@aws-sdk/client-secrets-manager"),
    );
    const client = await this.#client(library, region);
    const command = new library.GetSecretValueCommand({
      SecretId: id,
      VersionStage: stage,
      VersionId: version,
    });
    try {
      const { SecretString: text, SecretBinary: bytes } = await client.send(command, {
        abortSignal: signal,
      });
      if (text !== undefined) return { text };
      if (bytes !== undefined) return { text: decoded(bytes, document) };
    } catch (error) {
      throw this.#explained(error, document);
    }
    throw new SourceAway(`what answers is not ${this.name}: it has another form`);
  }

  close(): void {
    for (const client of this.#clients.values()) client.destroy();
  }

  async #client(
    library: Library,
    region: string | undefined,
  ): Promise<SecretsManager.SecretsManagerClient> {
    const known = this.#clients.get(region ?? "");
    if (known) return known;
    const client = new library.SecretsManagerClient({
      ...(region !== undefined && { region }),
      maxAttempts: 2,
    });
    await client.config.region().catch(() => {
      throw new Error("aws: needs a region: AWS_REGION of the worker, or ?region= behind the name");
    });
    this.#clients.set(region ?? "", client);
    return client;
  }

  /** What the client says may name more than its kind, and that alone is told on. */
  #explained(error: unknown, document: string): Error {
    if (error instanceof NotText) return error;
    const { name, code } = error as { name?: string; code?: string };
    if (NOT_THERE.includes(name ?? "")) return new Error(`${this.name} has nothing at ${document}`);
    if (NOT_GIVEN.includes(name ?? "")) {
      return new Error(`${this.name} does not give ${document} to this worker (${name})`);
    }
    return new SourceAway(`${this.name} gives no answer (${code ?? name})`);
  }
}

class NotText extends Error {
  override readonly name = "NotText";
}

function decoded(bytes: Uint8Array, document: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new NotText(`what is at ${document} is not text in UTF-8`);
  }
}

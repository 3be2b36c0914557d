import { SourceAway } from "../source-away.ts";
import { askManager, noAnswerOf, refused } from "./ask-manager.ts";
import { readGcpDocument } from "./gcp-place.ts";
import { loadLibrary } from "./load-library.ts";
import { isObject } from "./managed-place.ts";
import type { SecretDocument, SecretManager } from "./secret-manager.ts";

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";

/** GCP Secret Manager, by its REST API; who this worker is, Google's library finds out (Application Default Credentials). */
export class GcpManager implements SecretManager {
  readonly name = "GCP Secret Manager";
  readonly #endpoint: string | undefined;
  #auth: Promise<{ getAccessToken(): Promise<string | null | undefined> }> | undefined;

  /** @param endpoint another one than Google's, without a slash at its end */
  constructor(endpoint?: string) {
    this.#endpoint = endpoint;
  }

  async read(document: string, signal: AbortSignal): Promise<SecretDocument> {
    const { name, project, location } = readGcpDocument(document);
    const token = await this.#token(project);
    const url = `${this.#endpoint ?? endpointOf(location)}/v1/${name}:access`;
    const { status, body } = await askManager(this.name, url, {
      headers: { authorization: `Bearer ${token}` },
      signal,
    });
    if (status !== 200) refused(this.name, document, status);
    const payload = isObject(body) ? body["payload"] : undefined;
    if (!isObject(payload) || typeof payload["data"] !== "string") throw noAnswerOf(this.name);
    return { text: decoded(payload["data"], document) };
  }

  async #token(project: string): Promise<string> {
    this.#auth ??= loadLibrary(
      "gcp",
      "google-auth-library",
      "10",
      () => import("google-auth-library"),
    ).then(
      // It would look for a project, by a program, too, and none is needed: any will do.
      ({ GoogleAuth }) => new GoogleAuth({ scopes: [SCOPE], projectId: project }),
    );
    const auth = await this.#auth.catch((error: unknown) => {
      this.#auth = undefined;
      throw error;
    });
    try {
      const token = await auth.getAccessToken();
      if (token) return token;
    } catch {
      // What the library says may quote what it was answered.
    }
    throw new SourceAway(
      "this worker has no credentials for GCP Secret Manager, or Google does not take them; see Application Default Credentials",
    );
  }
}

/** Secrets that are kept in one place are asked for there. */
function endpointOf(location: string | undefined): string {
  if (location === undefined) return "https://secretmanager.googleapis.com";
  return `https://secretmanager.${location}.rep.googleapis.com`;
}

function decoded(base64: string, document: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(base64, "base64"));
  } catch {
    throw new Error(`what is at ${document} is not text in UTF-8`);
  }
}

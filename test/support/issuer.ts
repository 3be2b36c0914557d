import { createHash, randomUUID } from "node:crypto";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, type JWK, SignJWT, exportJWK, generateKeyPair } from "jose";
import { onTestFinished } from "vitest";

export const CLIENT_ID = "millrace";
export const CLIENT_SECRET = "the-secret-of-the-client";

/** What an issuer may be made to do wrong, in the next token. */
export interface Lies {
  nonce?: string;
  audience?: string;
  issuer?: string;
  expiresAt?: number;
  /** Signed by a key that is not the issuer's. */
  forged?: boolean;
}

interface Asked {
  nonce: string;
  challenge: string;
  redirectUri: string;
}

/**
 * A provider of OpenID Connect, as far as the authorization code flow goes: real HTTP, real signatures, codes that work once, PKCE, and the
 * client's secret. Whoever comes is logged in as `claims` says.
 */
export class Issuer {
  readonly url: string;
  claims: Record<string, unknown> = {};
  lies: Lies = {};
  /** Of the claims, those that only userinfo tells. */
  onlyInUserinfo: string[] = [];
  readonly #codes = new Map<string, Asked>();

  readonly #jwk: JWK;
  readonly #signedBy: (lies: Lies) => CryptoKey;

  private constructor(url: string, jwk: JWK, signedBy: (lies: Lies) => CryptoKey) {
    this.url = url;
    this.#jwk = jwk;
    this.#signedBy = signedBy;
  }

  static async start(): Promise<Issuer> {
    const [keys, others] = [await generateKeyPair("RS256"), await generateKeyPair("RS256")];
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: "one", alg: "RS256", use: "sig" };
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += String(chunk)));
      request.on("end", () => void issuer.#answer(request, body, response));
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const issuer = new Issuer(`http://127.0.0.1:${port}`, jwk, (lies) =>
      lies.forged ? others.privateKey : keys.privateKey,
    );
    return issuer;
  }

  async #answer(
    { url: path, headers }: IncomingMessage,
    body: string,
    response: ServerResponse,
  ): Promise<void> {
    const url = new URL(path!, this.url);
    const answer = (status: number, json: object) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
    };
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return answer(200, this.#metadata());
      case "/jwks":
        return answer(200, { keys: [this.#jwk] });
      case "/authorize":
        response.writeHead(302, { location: this.#authorize(url) }).end();
        return;
      case "/userinfo":
        return answer(200, this.claims);
      case "/token": {
        const asked = this.#spend(headers.authorization, new URLSearchParams(body));
        if (typeof asked === "string") return answer(400, { error: asked });
        return answer(200, {
          access_token: randomUUID(),
          token_type: "Bearer",
          id_token: await this.#idToken(asked).sign(this.#signedBy(this.lies)),
        });
      }
      default:
        return answer(404, {});
    }
  }

  #metadata(): object {
    const { url } = this;
    return {
      issuer: url,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
      userinfo_endpoint: `${url}/userinfo`,
      jwks_uri: `${url}/jwks`,
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
    };
  }

  #authorize({ searchParams: query }: URL): string {
    const redirectUri = query.get("redirect_uri")!;
    const back = new URL(redirectUri);
    back.searchParams.set("state", query.get("state")!);
    if (query.get("code_challenge_method") !== "S256" || query.get("client_id") !== CLIENT_ID) {
      back.searchParams.set("error", "invalid_request");
      return back.href;
    }
    const code = randomUUID();
    const challenge = query.get("code_challenge")!;
    this.#codes.set(code, { nonce: query.get("nonce")!, challenge, redirectUri });
    back.searchParams.set("code", code);
    return back.href;
  }

  #spend(authorization: string | undefined, form: URLSearchParams): Asked | string {
    // Each half is encoded as in a form, before they are put together (RFC 6749, 2.3.1).
    const given = Buffer.from(authorization?.replace("Basic ", "") ?? "", "base64").toString();
    if (decodeURIComponent(given) !== `${CLIENT_ID}:${CLIENT_SECRET}`) return "invalid_client";
    const code = form.get("code")!;
    const asked = this.#codes.get(code);
    this.#codes.delete(code);
    const verifier = form.get("code_verifier") ?? "";
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const fits = asked?.challenge === challenge && asked.redirectUri === form.get("redirect_uri");
    return fits ? asked : "invalid_grant";
  }

  #idToken({ nonce }: Asked): SignJWT {
    const { lies } = this;
    const now = Math.floor(Date.now() / 1000);
    const said = Object.entries(this.claims).filter(
      ([name]) => !this.onlyInUserinfo.includes(name),
    );
    return new SignJWT({ ...Object.fromEntries(said), nonce: lies.nonce ?? nonce })
      .setProtectedHeader({ alg: "RS256", kid: "one" })
      .setIssuer(lies.issuer ?? this.url)
      .setAudience(lies.audience ?? CLIENT_ID)
      .setIssuedAt(lies.expiresAt === undefined ? now : lies.expiresAt - 300)
      .setExpirationTime(lies.expiresAt ?? now + 300);
  }
}

import { MillraceError, PERSON_ROLES, type PersonRole } from "@millrace/core";
import type * as openid from "openid-client";

/** What the issuer is asked again: its endpoints may move. */
const DISCOVERY_MS = 3_600_000;

/** Of each request to the issuer. */
const TIMEOUT_S = 10;

export interface SignOnSettings {
  /** https, or http on this machine. */
  readonly issuer: string;
  readonly clientId: string;
  /** None for a client that has none, and proves itself by PKCE alone. */
  readonly clientSecret: string | undefined;
  readonly scope: string;
  /** The claim that may say a role; undefined for none: then people must have been added. */
  readonly roleClaim: string | undefined;
  /** The role of each value of that claim. */
  readonly roles: ReadonlyMap<string, PersonRole>;
}

/** What the answer to a sign-on must fit, kept by the browser that began it. */
export interface SignOnChecks {
  state: string;
  nonce: string;
  verifier: string;
}

/** Whom the issuer vouches for. */
export interface SignedOn {
  issuer: string;
  subject: string;
  /** In small letters; the issuer has verified it. */
  email: string;
  name: string | null;
  /** As the claim says; undefined when it says none. */
  role: PersonRole | undefined;
}

/** Loaded by those alone who have configured a sign-on. */
type Library = typeof openid;

interface Found {
  library: Library;
  configuration: openid.Configuration;
  at: number;
}

/** Login by OpenID Connect: the authorization code flow with PKCE, state and nonce, and ID tokens whose signature is checked. */
export class SignOn {
  /** As people may know it. */
  readonly issuerName: string;
  readonly #settings: SignOnSettings;
  readonly #redirectUri: string;
  #found: Promise<Found> | undefined;

  /** @param publicUrl the address that people have for the server */
  constructor(settings: SignOnSettings, publicUrl: string) {
    this.#settings = settings;
    this.issuerName = new URL(settings.issuer).host;
    this.#redirectUri = `${publicUrl}/login/oidc/callback`;
  }

  /**
   * @returns where the browser is to go, and what its answer must fit
   * @throws MillraceError `sign_on_unavailable`
   */
  async begin(): Promise<{ url: string; checks: SignOnChecks }> {
    const { library, configuration } = await this.#issuer();
    const checks = {
      state: library.randomState(),
      nonce: library.randomNonce(),
      verifier: library.randomPKCECodeVerifier(),
    };
    const url = library.buildAuthorizationUrl(configuration, {
      redirect_uri: this.#redirectUri,
      scope: this.#settings.scope,
      state: checks.state,
      nonce: checks.nonce,
      code_challenge: await library.calculatePKCECodeChallenge(checks.verifier),
      code_challenge_method: "S256",
    });
    return { url: url.href, checks };
  }

  /**
   * @param query what the issuer has sent the browser back with
   * @throws MillraceError `sign_on_refused`, `sign_on_unavailable`
   */
  async finish(query: string, checks: SignOnChecks): Promise<SignedOn> {
    const { library, configuration } = await this.#issuer();
    try {
      const tokens = await library.authorizationCodeGrant(
        configuration,
        new URL(`${this.#redirectUri}?${query}`),
        {
          expectedState: checks.state,
          expectedNonce: checks.nonce,
          pkceCodeVerifier: checks.verifier,
          idTokenExpected: true,
        },
      );
      const claims = tokens.claims()!;
      // Some issuers keep what they know of a person out of the token.
      const more =
        claims["email"] === undefined && configuration.serverMetadata().userinfo_endpoint
          ? await library.fetchUserInfo(configuration, tokens.access_token, claims.sub)
          : {};
      return this.#read({ ...more, ...claims });
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /** @throws MillraceError `sign_on_refused` */
  #read(claims: openid.IDToken): SignedOn {
    const { iss, sub, email, email_verified: verified, name } = claims;
    if (typeof email !== "string" || !/^[^\s@]+@[^\s@]+$/.test(email) || email.length > 254) {
      throw refused(`${this.issuerName} gives no e-mail address; it needs the scope email`);
    }
    if (verified !== true) {
      throw refused(`${this.issuerName} has not verified the e-mail address`);
    }
    return {
      issuer: iss,
      subject: sub,
      email: email.toLowerCase(),
      name: typeof name === "string" && name.trim() !== "" ? name.trim().slice(0, 100) : null,
      role: this.#roleOf(claims),
    };
  }

  /** The highest of those that the values of the claim have. */
  #roleOf(claims: openid.IDToken): PersonRole | undefined {
    const { roleClaim, roles } = this.#settings;
    const values = roleClaim === undefined ? [] : [claims[roleClaim] ?? []].flat();
    const given = values.map((value) => (typeof value === "string" ? roles.get(value) : undefined));
    return PERSON_ROLES.findLast((role) => given.includes(role));
  }

  async #issuer(): Promise<Found> {
    this.#found ??= this.#discover();
    try {
      const found = await this.#found;
      if (performance.now() - found.at < DISCOVERY_MS) return found;
    } catch (error) {
      this.#found = undefined;
      throw error;
    }
    this.#found = undefined;
    return this.#issuer();
  }

  async #discover(): Promise<Found> {
    const { issuer, clientId, clientSecret } = this.#settings;
    const library = await import("openid-client");
    const url = new URL(issuer);
    try {
      const configuration = await library.discovery(
        url,
        clientId,
        undefined,
        clientAuth(library, clientSecret),
        {
          timeout: TIMEOUT_S,
          execute: [
            // By itself the library trusts a token that came by TLS, whoever signed it.
            library.enableNonRepudiationChecks,
            ...(url.protocol === "http:" ? [library.allowInsecureRequests] : []),
          ],
        },
      );
      return { library, configuration, at: performance.now() };
    } catch (error) {
      throw unavailable(error);
    }
  }
}

/** As the issuer says that it takes it; when it says nothing, as the standard does. */
function clientAuth(library: Library, secret: string | undefined): ReturnType<Library["None"]> {
  if (secret === undefined) return library.None();
  const [basic, post] = [library.ClientSecretBasic(secret), library.ClientSecretPost(secret)];
  return (server, client, body, headers) => {
    const taken = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    const proof = taken.includes("client_secret_basic") ? basic : post;
    return proof(server, client, body, headers);
  };
}

/** Codes of the library by which the issuer is away, or not itself. */
const AWAY = ["OAUTH_TIMEOUT", "OAUTH_RESPONSE_IS_NOT_CONFORM", "OAUTH_RESPONSE_IS_NOT_JSON"];

function refusalOf(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const { code = "" } = error as { code?: string };
  if (error instanceof TypeError || AWAY.includes(code)) return unavailable(error);
  return refused("what came back from the sign-on is not an answer to it; try again", error);
}

function refused(message: string, cause?: unknown): MillraceError {
  return new MillraceError("sign_on_refused", message, { cause });
}

function unavailable(cause: unknown): MillraceError {
  return new MillraceError(
    "sign_on_unavailable",
    "the issuer of the sign-on does not answer as it should; try again in a moment, or log in with a password",
    { cause },
  );
}

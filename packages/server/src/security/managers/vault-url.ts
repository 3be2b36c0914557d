import { isLoopback } from "../../runtime/loopback.ts";

const AUTHS = ["token", "kubernetes", "approle"] as const;

const OPTIONS = ["auth", "role", "mount", "namespace"];

const MOUNT = /^[\w.-]+(\/[\w.-]+)*$/;

/** Where Vault is, and how a worker makes itself known there, read from a URL. */
export interface VaultServer {
  /** Without a slash at its end. */
  readonly address: string;
  readonly auth: (typeof AUTHS)[number];
  /** Of Kubernetes; of AppRole its role id. */
  readonly role: string | undefined;
  /** Where the way of authentication is mounted. */
  readonly mount: string;
  readonly namespace: string | undefined;
}

/**
 * Reads `https://vault.example.com:8200?auth=kubernetes&role=millrace&namespace=team`.
 *
 * @throws Error that says what is wrong with it, without a word of it
 */
export function readVaultUrl(text: string): VaultServer {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !["https:", "http:"].includes(url.protocol) || url.pathname !== "/" || url.hash) {
    throw new Error("write the address of Vault, such as https://vault.example.com:8200");
  }
  if (url.username || url.password) {
    throw new Error("the token of Vault is not in its address but in MILLRACE_VAULT_CREDENTIAL");
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw new Error("http:// is for this machine alone; write https://");
  }
  const given = optionsOf(url);
  const auth = AUTHS.find((one) => one === (given["auth"] ?? "token"));
  if (!auth) throw new Error("auth: write token, kubernetes or approle");
  if ((auth === "token") !== (given["role"] === undefined)) {
    throw new Error("role: auth=kubernetes and auth=approle need one, and auth=token has none");
  }
  const mount = given["mount"] ?? auth;
  if (!MOUNT.test(mount) || (auth === "token" && given["mount"] !== undefined)) {
    throw new Error("mount: write where kubernetes or approle is mounted, without auth/ before it");
  }
  const { role, namespace } = given;
  if (namespace !== undefined && !MOUNT.test(namespace)) throw new Error("namespace: write a path");
  return { address: url.origin, auth, role, mount, namespace };
}

function optionsOf(url: URL): Record<string, string | undefined> {
  const names = [...url.searchParams.keys()];
  if (names.some((name) => !OPTIONS.includes(name)) || new Set(names).size < names.length) {
    throw new Error(`the options of this URL are ${OPTIONS.join(", ")}, once each`);
  }
  return Object.fromEntries(url.searchParams);
}

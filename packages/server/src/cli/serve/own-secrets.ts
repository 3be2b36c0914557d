import { Masks } from "../../security/masks.ts";
import { isSample } from "../sample-settings.ts";
import type { Settings } from "../settings.ts";

/**
 * What the settings hold that nobody may read in what this process says: passwords, keys, tokens. Apart from the secrets of jobs, for these are
 * refused on record as well, and an output may say by chance what somebody has for a password.
 *
 * @param env as it was when the process started: keys of secrets are read from nowhere else
 */
export function ownSecrets(settings: Settings, env: NodeJS.ProcessEnv): Masks {
  const masks = new Masks();
  const add = (name: string, value: string | undefined) => {
    if (value !== undefined && !isSample(value)) masks.add(name, value);
  };
  add("DATABASE_URL", passwordIn(settings.databaseUrl));
  add("MILLRACE_LISTEN_URL", passwordIn(settings.listenUrl));
  add("MILLRACE_API_KEY", settings.apiKey);
  for (const key of (env["MILLRACE_SECRET_KEYS"] ?? "").split(",")) {
    add("MILLRACE_SECRET_KEYS", key.trim());
  }
  if (!settings.vaultCredential?.startsWith("file:")) {
    add("MILLRACE_VAULT_CREDENTIAL", settings.vaultCredential);
  }
  add("MILLRACE_OIDC_CLIENT_SECRET", settings.signOn?.clientSecret);
  add("MILLRACE_TRANSPORT", passwordIn(settings.transport));
  add("MILLRACE_VALUE_STORE", passwordIn(settings.valueStore));
  add("SENTRY_DSN", settings.sentry?.dsn.publicKey);
  return masks;
}

function passwordIn(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { password } = new URL(url);
  try {
    return decodeURIComponent(password);
  } catch {
    return password;
  }
}

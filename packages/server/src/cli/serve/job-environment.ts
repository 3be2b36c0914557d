/** What programs need of an environment to work at all. Nothing in it is a secret of Millrace. */
const ALLOWED =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|TMP|TEMP|NODE_ENV|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|(HTTPS?|NO|ALL)_PROXY|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA)$/i;

/** By which all secrets could be read. Taken out of the environment of this process before it loads any code of jobs. */
export const NOT_FOR_HANDLERS = [
  "MILLRACE_SECRET_KEYS",
  "MILLRACE_VAULT_CREDENTIAL",
  "MILLRACE_OIDC_CLIENT_SECRET",
] as const;

/**
 * The environment of a process that runs handlers: what programs need, and what was named.
 *
 * @param named MILLRACE_JOB_ENV
 */
export function jobEnvironment(
  env: NodeJS.ProcessEnv,
  named: readonly string[],
): Record<string, string> {
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (ALLOWED.test(entry[0]) || named.includes(entry[0])),
  );
  return Object.fromEntries(passed);
}

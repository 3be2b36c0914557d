/** Keys whose value is nobody's business, without regard to case, `_` and `-`. */
const SECRET_KEY =
  /^(?:key|pass|auth)$|(?:dsn|password|passwd|passphrase|secret|token|apikey|privatekey|accesskey|credentials?|authorization|cookie)s?$/;

/** Whether what lies under a key is blotted out where it is told, such as under `password` or `API_KEY`. */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key.replaceAll(/[_-]/g, "").toLowerCase());
}

/** Where a project of Sentry, or of what speaks as it does, takes envelopes. */
export interface Dsn {
  /** Of `POST`. */
  readonly endpoint: URL;
  /** What lets in. It can only send, but whoever has it can send anything. */
  readonly publicKey: string;
}

/**
 * Reads `https://KEY@HOST/PATH/PROJECT`.
 *
 * @throws Error that says what it must look like, and not what it is
 */
export function readDsn(text: string): Dsn {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const [, folder = "", project] = /^(\/.*)?\/(\d+)\/?$/.exec(url?.pathname ?? "") ?? [];
  const plain = url !== undefined && url.search + url.hash + url.password === "";
  if (!plain || !/^https?:$/.test(url.protocol) || !/^\w{1,200}$/.test(url.username) || !project) {
    throw new Error(
      "write the DSN as the project's settings show it, such as https://0123abcd@o1.ingest.sentry.io/42",
    );
  }
  const endpoint = new URL(`${url.protocol}//${url.host}${folder}/api/${project}/envelope/`);
  return { endpoint, publicKey: url.username };
}

import { MillraceError } from "@millrace/core";

/**
 * Loads the client of a broker, which only those who use that broker install.
 *
 * @param name the package
 * @param version what to install of it
 * @throws MillraceError `transport_client_missing`
 */
export async function loadClient<Client>(
  name: string,
  version: string,
  load: () => Promise<Client>,
): Promise<Client> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new MillraceError(
      "transport_client_missing",
      `MILLRACE_TRANSPORT names a broker whose client is not installed; install it beside millrace: npm install ${name}@${version}`,
      { cause: error },
    );
  }
}

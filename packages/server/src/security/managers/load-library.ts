/**
 * Loads the library of a manager, which only those who use that manager install.
 *
 * @param kind of reference that needs it
 * @param name the package
 * @param version what to install of it
 * @throws Error that says what to install
 */
export async function loadLibrary<Library>(
  kind: string,
  name: string,
  version: string,
  load: () => Promise<Library>,
): Promise<Library> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new Error(
      `${kind}: needs a package that this worker does not have; install it beside millrace: npm install ${name}@${version}`,
      { cause: error },
    );
  }
}

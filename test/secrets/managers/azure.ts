import { AzureManager } from "../../../packages/server/src/security/managers/azure-manager.ts";
import { FaultyServer, type ManagerUnderTest, type Question, type Reply } from "./manager.ts";

const SECRET = /^\/acme-vault\/secrets\/([\w-]+)$/;

const error = (status: number, code: string): Reply => ({
  status,
  json: { error: { code, message: code } },
});

/** Azure Key Vault's reading of a secret, and the managed identity of App Service, which gives tokens. */
export async function startAzure(): Promise<ManagerUnderTest> {
  const values = new Map<string, string>();
  const denied = new Set<string>();
  let known = true;
  const read = ({ url, headers }: Question): Reply => {
    if (url.searchParams.get("api-version") !== "7.4") return error(400, "BadParameter");
    if (!known || headers.authorization !== "Bearer the-token-of-azure") {
      return error(401, "Unauthorized");
    }
    const [, name = ""] = SECRET.exec(url.pathname)!;
    if (denied.has(name)) return error(403, "Forbidden");
    const value = values.get(name);
    if (value === undefined) return error(404, "SecretNotFound");
    const id = `https://acme-vault.vault.azure.net/secrets/${name}/0123456789abcdef0123456789abcdef`;
    return { status: 200, json: { value, id, attributes: { enabled: true } } };
  };
  const server = await FaultyServer.start(
    (question) => (isRead(question) ? read(question) : identity(question)),
    isRead,
  );
  Object.assign(process.env, {
    IDENTITY_ENDPOINT: `${server.address}/msi/token`,
    IDENTITY_HEADER: "the-header-of-the-identity",
    AZURE_TOKEN_CREDENTIALS: "prod",
  });
  return {
    manager: new AzureManager(`${server.address}/{vault}`),
    server,
    place: (name) => `acme-vault/${name}`,
    put: (name, text) => void values.set(name, text),
    remove: (name) => void values.delete(name),
    deny: (name) => void denied.add(name),
    forgetWorker: () => {
      known = false;
    },
    stop: () => server.stop(),
  };
}

function isRead({ url }: Question): boolean {
  return SECRET.test(url.pathname);
}

/** https://learn.microsoft.com/azure/app-service/overview-managed-identity, for tokens of Key Vault alone. */
function identity({ url, headers }: Question): Reply | undefined {
  if (url.pathname !== "/msi/token") return undefined;
  const right = headers["x-identity-header"] === "the-header-of-the-identity";
  if (!right || !url.searchParams.get("resource")?.startsWith("https://vault.azure.net")) {
    return error(401, "Unauthorized");
  }
  const expires_on = String(Math.floor(Date.now() / 1000) + 86_400);
  const access_token = "the-token-of-azure";
  const resource = "https://vault.azure.net";
  return { status: 200, json: { access_token, expires_on, resource, token_type: "Bearer" } };
}

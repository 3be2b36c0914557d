import { GcpManager } from "../../../packages/server/src/security/managers/gcp-manager.ts";
import { FaultyServer, type ManagerUnderTest, type Question, type Reply } from "./manager.ts";

const ACCESS = /^\/v1\/projects\/acme\/secrets\/([\w-]+)\/versions\/(\w+):access$/;

const error = (code: number, status: string): Reply => ({
  status: code,
  json: { error: { code, message: status, status } },
});

/** GCP Secret Manager's access of a version, and the metadata server that gives tokens to who runs on a machine of Google's. */
export async function startGcp(): Promise<ManagerUnderTest> {
  const values = new Map<string, string>();
  const denied = new Set<string>();
  let known = true;
  const access = ({ url, headers }: Question): Reply => {
    if (!known || headers.authorization !== "Bearer the-token-of-google") {
      return error(401, "UNAUTHENTICATED");
    }
    const [, name = "", version] = ACCESS.exec(url.pathname)!;
    if (denied.has(name)) return error(403, "PERMISSION_DENIED");
    const value = values.get(name);
    if (value === undefined || version !== "latest") return error(404, "NOT_FOUND");
    const data = Buffer.from(value).toString("base64");
    const full = `projects/1/secrets/${name}/versions/1`;
    return { status: 200, json: { name: full, payload: { data, dataCrc32c: "1" } } };
  };
  const server = await FaultyServer.start(
    (question) => (isAccess(question) ? access(question) : metadata(question)),
    isAccess,
  );
  Object.assign(process.env, {
    GCE_METADATA_HOST: `127.0.0.1:${server.port}`,
    METADATA_SERVER_DETECTION: "assume-present",
  });
  return {
    manager: new GcpManager(server.address),
    server,
    place: (name) => `projects/acme/secrets/${name}`,
    put: (name, text) => void values.set(name, text),
    remove: (name) => void values.delete(name),
    deny: (name) => void denied.add(name),
    forgetWorker: () => {
      known = false;
    },
    stop: () => server.stop(),
  };
}

function isAccess({ url }: Question): boolean {
  return ACCESS.test(url.pathname);
}

/** https://cloud.google.com/compute/docs/metadata/overview */
function metadata({ url, headers }: Question): Reply | undefined {
  const flavour = { "metadata-flavor": "Google" };
  if (headers["metadata-flavor"] !== "Google") return error(403, "FORBIDDEN");
  const path = url.pathname.replace("/computeMetadata/v1/", "");
  if (path === "instance/service-accounts/default/token") {
    const json = { access_token: "the-token-of-google", expires_in: 3600, token_type: "Bearer" };
    return { status: 200, json, headers: flavour };
  }
  return { status: 404, json: {}, headers: flavour };
}

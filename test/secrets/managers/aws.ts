import { createHash, createHmac } from "node:crypto";
import { AwsManager } from "../../../packages/server/src/security/managers/aws-manager.ts";
import { FaultyServer, type ManagerUnderTest, type Question, type Reply } from "./manager.ts";

const KEY = { id: "AKIDTEST", secret: "the-key-of-the-test", region: "eu-central-1" };

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

const hmac = (key: string | Buffer, text: string) =>
  createHmac("sha256", key).update(text).digest();

const error = (type: string): Reply => ({ status: 400, json: { __type: type, Message: type } });

/** AWS Secrets Manager's GetSecretValue for the AWS client as it is, signature and all. */
export async function startAws(): Promise<ManagerUnderTest> {
  const values = new Map<string, string>();
  const denied = new Set<string>();
  let known = true;
  const answer = (question: Question): Reply => {
    if (!known || !isSigned(question)) return error("UnrecognizedClientException");
    const { SecretId: id, VersionStage: stage = "AWSCURRENT" } = JSON.parse(question.body) as {
      SecretId: string;
      VersionStage?: string;
    };
    if (denied.has(id)) return error("AccessDeniedException");
    const value = values.get(stage === "AWSCURRENT" ? id : `${id} ${stage}`);
    if (value === undefined) return error("ResourceNotFoundException");
    return { status: 200, json: { Name: id, SecretString: value, VersionStages: [stage] } };
  };
  const isRead = ({ headers }: Question) =>
    headers["x-amz-target"] === "secretsmanager.GetSecretValue";
  const server = await FaultyServer.start(answer, isRead);
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: KEY.id,
    AWS_SECRET_ACCESS_KEY: KEY.secret,
    AWS_REGION: KEY.region,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: server.address,
    // Of Node 20, once in every process.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
  });
  const manager = new AwsManager();
  return {
    manager,
    server,
    place: (name) => `prod/${name}`,
    put: (name, text) => void values.set(`prod/${name}`, text),
    remove: (name) => void values.delete(`prod/${name}`),
    deny: (name) => void denied.add(`prod/${name}`),
    forgetWorker: () => {
      known = false;
    },
    stop: async () => {
      manager.close();
      await server.stop();
    },
  };
}

/** Signature version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function isSigned({ headers, body }: Question): boolean {
  const [, day, names, signature] =
    /^AWS4-HMAC-SHA256 Credential=AKIDTEST\/(\d{8})\/eu-central-1\/secretsmanager\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? "",
    ) ?? [];
  if (!day || !names || !names.split(";").includes("x-amz-target")) return false;
  const signed = names.split(";").map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const request = ["POST", "/", "", signed.join(""), names, sha256(body)].join("\n");
  const scope = `${day}/${KEY.region}/secretsmanager/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(request)].join("\n");
  const parts = [day, KEY.region, "secretsmanager", "aws4_request"];
  const key = parts.reduce<string | Buffer>((made, part) => hmac(made, part), `AWS4${KEY.secret}`);
  return hmac(key, toSign).toString("hex") === signature;
}

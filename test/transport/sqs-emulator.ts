import { startFauxqs } from "fauxqs";

export interface Emulator {
  /** The URL of a transport there, for an installation. */
  url(installation: string, fifo: boolean): string;
  readonly address: string;
  stop(): Promise<void>;
}

/** A local SQS for the AWS client as it is. It takes any credentials; the client insists on some. */
export async function startEmulator(): Promise<Emulator> {
  process.env["AWS_ACCESS_KEY_ID"] ??= "test";
  process.env["AWS_SECRET_ACCESS_KEY"] ??= "test";
  // Of Node 20, once in every process.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
  const server = await startFauxqs({ port: 0, logger: false });
  const address = `http://127.0.0.1:${server.port}`;
  return {
    address,
    url: (installation, fifo) =>
      `sqs://us-east-1/${installation}${fifo ? ".fifo" : ""}?endpoint=${encodeURIComponent(address)}`,
    stop: () => server.stop(),
  };
}

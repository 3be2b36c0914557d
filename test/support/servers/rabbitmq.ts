import { randomBytes } from "node:crypto";
import { Child } from "../child-process.ts";
import { freePort } from "../free-port.ts";
import { greetAmqp } from "./amqp-greeting.ts";
import { installedProgram } from "./installed-program.ts";
import type { RunningServer, ServerKind } from "./server-kind.ts";
import { makeServerPlace } from "./server-place.ts";
import { startServer } from "./start-server.ts";

// The script that Debian puts on the PATH is a wrapper that insists on root and on one data folder.
const FOLDERS = ["/usr/lib/rabbitmq/bin", "/opt/homebrew/sbin", "/usr/local/sbin"];

export const rabbitmq: ServerKind = {
  name: "RabbitMQ",
  setting: "MILLRACE_TEST_RABBITMQ_URL",
  debianPackage: "rabbitmq-server",
  greet: greetAmqp,
  usualUrls: () => ["amqp://guest:guest@127.0.0.1:5672"],
  start,
};

async function start(): Promise<RunningServer | undefined> {
  const program = installedProgram("rabbitmq-server", FOLDERS);
  const portMapper = installedProgram("epmd");
  if (!program || !portMapper) return undefined;
  const place = makeServerPlace("rabbitmq");
  const epmdPort = await freePort();
  // Erlang would start this daemon by itself and leave it running for ever: so it is started, and stopped, by us.
  const epmd = await Child.start(portMapper, ["-port", String(epmdPort), "-address", "127.0.0.1"], {
    cwd: place.folder,
    ...place.account,
    group: true,
  });
  try {
    const port = await freePort();
    const password = randomBytes(18).toString("hex");
    const settings = [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      `default_user = millrace`,
      `default_pass = ${password}`,
      `loopback_users = none`,
    ];
    const server = await startServer({
      place,
      program,
      args: [],
      env: {
        HOME: place.folder,
        ERL_EPMD_PORT: String(epmdPort),
        ERL_EPMD_ADDRESS: "127.0.0.1",
        RABBITMQ_CONFIG_FILE: place.write("rabbitmq.conf", `${settings.join("\n")}\n`),
        RABBITMQ_CONF_ENV_FILE: place.write("rabbitmq-env.conf", ""),
        RABBITMQ_ENABLED_PLUGINS_FILE: place.write("enabled_plugins", "[]."),
        RABBITMQ_NODENAME: `millrace-test-${process.pid}@localhost`,
        RABBITMQ_DIST_PORT: String(await freePort()),
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
          "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
        RABBITMQ_MNESIA_BASE: place.folder,
        RABBITMQ_LOG_BASE: place.folder,
        RABBITMQ_LOGS: "-",
      },
      url: `amqp://millrace:${password}@127.0.0.1:${port}`,
      greet: greetAmqp,
      stopBy: "SIGTERM",
    });
    return {
      url: server.url,
      async stop() {
        await server.stop();
        await epmd[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await epmd[Symbol.asyncDispose]();
    place.remove();
    throw error;
  }
}

import { type OpenTransportOptions, openTransport } from "../../transport/open-transport.ts";
import type { Transport } from "../../transport/transport.ts";
import { inTheClear, readTransportUrl } from "../../transport/transport-url.ts";
import type { Cli } from "../cli.ts";
import { tell } from "./greeting.ts";
import type { Serving } from "./serve.ts";

/** Opens the transport of the settings, which the serving's undo closes, and says so where it is a broker. */
export async function openBroker(
  cli: Cli,
  { settings, logger, undo, goOn }: Serving,
  options: Pick<OpenTransportOptions, "db" | "connection" | "observer">,
): Promise<Transport> {
  const transport = await openTransport({ ...options, url: settings.transport, logger });
  undo.add("the transport", () => transport.close());
  goOn();
  if (inTheClear(readTransportUrl(settings.transport))) {
    logger.warn(
      { event: "transport.in_the_clear" },
      `what is said to ${transport.words} goes over the network in the clear; rediss:// and amqps:// encrypt it`,
    );
  }
  if (settings.transport !== "postgres") {
    const away = await transport.check().then(
      () => "",
      () => ", away for now: workers look by themselves once a second",
    );
    tell(cli, "transport", `${transport.words}${away}`);
  }
  return transport;
}

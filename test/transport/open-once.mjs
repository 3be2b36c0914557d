// Opens the transport of MILLRACE_TRANSPORT in a process of its own, and says whether it is up; its log goes to stdout, too.
import { built } from "../support/built.mjs";

const { createLogger } = await built("telemetry/logger");
const { openTransport } = await built("transport/open-transport");

const transport = await openTransport({
  url: process.env.MILLRACE_TRANSPORT,
  logger: createLogger("debug", { write: (line) => process.stdout.write(line) }),
  // Several of them begin at once, on few processors.
  deadlineMs: Number(process.env.DEADLINE_MS ?? 15_000),
});
const state = await transport.check().then(
  () => "up",
  (error) => `down: ${error.message}`,
);
await transport.close();
console.log(state);

// The example source, alone: `npx jiti examples/sync/server.ts`. SYNC_SOURCE_PORT chooses another port than 4790.
import { startSource } from "./source.ts";

const source = await startSource({
  port: Number(process.env.SYNC_SOURCE_PORT ?? 4790),
  faults: { errors: 0.05, drops: 0.05, slow: 0.05, slowMs: 1500, perSecond: 20, retryAfter: 1 },
});
console.log(
  `${source.customers.size} customers at ${source.url}, with a limit and faults; Ctrl-C ends it`,
);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    console.log(JSON.stringify(source.counts));
    void source.close();
  });
}

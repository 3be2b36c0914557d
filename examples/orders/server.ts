// The services of the example, alone: `npx jiti examples/orders/server.ts`. ORDERS_SERVICES_PORT chooses another port than 4792.
import { startServices } from "./services.ts";

const services = await startServices({
  port: Number(process.env.ORDERS_SERVICES_PORT ?? 4792),
  lost: 0.2,
});
console.log(
  `payments and a carrier at ${services.url}, which lose every fifth answer; Ctrl-C ends them`,
);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    console.log(JSON.stringify(services.books()));
    void services.close();
  });
}

// What any API on Fastify costs at the least: it reads the body and answers as ours does, and does nothing.
import { createRequire } from "node:module";

const { fastify } = createRequire(import.meta.resolve("millrace"))("fastify");
const app = fastify();
app.post("/api/v1/runs", async (request, reply) =>
  reply.code(201).send({
    id: "01934f6e-7c00-7000-9d3a-5f0e3c1b2a49",
    created: request.body.job !== undefined,
    queue: "default",
    runAt: null,
  }),
);
console.log(`listens on ${await app.listen({ host: "127.0.0.1", port: 0 })}`);

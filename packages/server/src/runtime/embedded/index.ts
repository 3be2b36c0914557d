export { acquireEmbeddedPostgres } from "./acquire.ts";
export { embeddedStatus } from "./status.ts";
export { processState } from "./process-facts.ts";

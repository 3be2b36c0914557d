export { acquireEmbeddedPostgres } from "./acquire.ts";
export { embeddedStatus } from "./status.ts";

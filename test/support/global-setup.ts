import type { TestProject } from "vitest/node";
import { prepareDatabases } from "./database.ts";
import { openJobCache } from "./job-cache.ts";
import { openServerDesk } from "./servers/desk.ts";
import { useMemory } from "./servers/memory.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** See test-server.ts. */
    serverDesk: string;
  }
}

/** Opens the desk for servers, and has PostgreSQL ready, because nearly every test needs it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  useMemory();
  const desk = await openServerDesk((line) => process.stdout.write(`${line}\n`));
  try {
    project.provide("serverDesk", desk.address);
    // Every process that is started from here on inherits it, also those that tests start.
    process.env.MILLRACE_TEST_PG_URL = await desk.ask("postgres");
    const databases = await prepareDatabases();
    const removeJobCache = openJobCache();
    return async () => {
      removeJobCache();
      await databases.sweep();
      await desk.close();
    };
  } catch (error) {
    await desk.close();
    throw error;
  }
}

// @ts-nocheck -- as in every generated client: the modules of its runtime have no types
import { type GetPrismaClientConfig, getPrismaClient } from "@prisma/client/runtime/client";

/**
 * What `prisma generate` writes for a schema without models; queries are raw then. Its command line is 230 MB, and looks
 * for a program of its own on the network even when it only generates.
 */
const config: GetPrismaClientConfig = {
  previewFeatures: [],
  clientVersion: "7.10.0",
  engineVersion: "0edf323efd1d98336f3f0a68684b56f689b900d3",
  activeProvider: "postgresql",
  inlineSchema: 'datasource db {\n  provider = "postgresql"\n}\n',
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  parameterizationSchema: { strings: [], graph: "AAAA" },
  compilerWasm: {
    getRuntime: async () =>
      await import("@prisma/client/runtime/query_compiler_fast_bg.postgresql.mjs"),
    getQueryCompilerWasmModule: async () => {
      const { wasm } =
        await import("@prisma/client/runtime/query_compiler_fast_bg.postgresql.wasm-base64.mjs");
      return new WebAssembly.Module(Buffer.from(wasm, "base64"));
    },
    importName: "./query_compiler_fast_bg.js",
  },
};

/** The part of a generated client's type that is used here; in the words of the generated one. */
export interface PrismaClient {
  $transaction<R>(work: (tx: TransactionClient) => Promise<R>): Promise<R>;
  $connect(): Promise<void>;
  $disconnect(): Promise<void>;
  $executeRaw(query: TemplateStringsArray, ...values: unknown[]): Promise<number>;
  $queryRawUnsafe<T = unknown>(query: string, ...values: unknown[]): Promise<T>;
}

export type TransactionClient = Omit<PrismaClient, "$connect" | "$disconnect">;

export const PrismaClient = getPrismaClient(config) as unknown as new (options: {
  adapter: unknown;
}) => PrismaClient;

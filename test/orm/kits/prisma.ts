import { type Transaction, enqueueIn } from "@millrace/sdk/sql";
import { PrismaPg } from "@prisma/adapter-pg";
import type { Kit } from "../kit.ts";
import { PrismaClient, type TransactionClient } from "./prisma-client.ts";

export async function open(url: string): Promise<Kit> {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
  // @ts-expect-error -- refused by its type, too
  void (() => enqueueIn(prisma, "job"));
  return {
    transaction: (work) => prisma.$transaction((tx) => work(tx)),
    insert: (tx: Transaction, name) =>
      (tx as TransactionClient).$executeRaw`insert into customer (name) values (${name})`,
    refused: { "a PrismaClient": prisma },
    close: () => prisma.$disconnect(),
  };
}

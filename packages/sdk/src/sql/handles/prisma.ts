import { type Ask, hasMethods, onlyValue } from "../ask.ts";
import { refuseHandle } from "../refuse.ts";

/** What Prisma hands to the callback of `prisma.$transaction`. */
export interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: never[]): PromiseLike<unknown>;
  $connect?: never;
}

export function fromPrisma(handle: object): Ask | undefined {
  if (!hasMethods(handle, "$queryRawUnsafe")) return undefined;
  if (hasMethods(handle, "$connect")) {
    refuseHandle(
      "a PrismaClient, which is a pool",
      "pass the tx that prisma.$transaction(async (tx) => { … }) hands to its callback",
    );
  }
  const tx = handle as PrismaTransaction;
  return async (text, value) => onlyValue(await tx.$queryRawUnsafe(text, value as never));
}

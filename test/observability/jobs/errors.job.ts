import { NonRetryableError, defineJob } from "@millrace/sdk";
import { z } from "zod";

// Jobs that fail in all the ways of which somebody should hear.

class BankError extends Error {
  override readonly name = "BankError";
}

function refuse(account: string): never {
  throw new BankError(`account ${account} is closed`);
}

export const transfer = defineJob({
  name: "bank/transfer",
  version: "7",
  queue: "bank",
  input: z.object({ account: z.string(), note: z.string().optional() }),
  retry: { maxAttempts: 2, firstDelay: "1ms", maxDelay: "1ms" },
  run: ({ account }) => refuse(account),
});

export const doomed = defineJob({
  name: "doomed",
  isolation: "process",
  retry: { maxAttempts: 1 },
  run: () => process.exit(3),
});

export const about = defineJob({
  name: "about",
  input: z.object({ person: z.string() }),
  subject: "person",
  run: ({ person }) => {
    throw new NonRetryableError(`${person} is not known`);
  },
});

export const loose = defineJob({
  name: "loose",
  run: () => {
    setTimeout(() => {
      throw new Error("nobody catches this");
    }, 1);
  },
});

export const fine = defineJob({ name: "fine", run: () => "fine" });

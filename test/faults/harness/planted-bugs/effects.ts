import type { PlantedBug } from "./planted-bug.ts";

const EFFECT_TESTS = "test/worker/effects.test.ts";

/** Bugs of effects and of transactions: what would be done twice, or by whom it must not be. */
export const EFFECT_BUGS: readonly PlantedBug[] = [
  {
    bug: "an effect is done before its intent is on record",
    edits: [
      {
        file: "worker/checkpoint-keeper.ts",
        find: "const noted = notedOf(await this.#noted.write(maker, sealedNote(note, maker.seal)));",
        replace: `const writing = this.#noted.write(maker, note);
        writing.catch(() => {});
        const noted =
          note.note === "begun"
            ? { restMs: 0, dueMs: 0, met: false, answer: null }
            : notedOf(await writing);`,
      },
    ],
    caughtBy: {
      file: EFFECT_TESTS,
      test: "an effect happens once: its intent is on record before, its receipt after, and a later attempt gets what it gave",
    },
  },
  {
    bug: "a receipt leaves the intent where it is",
    edits: [
      {
        file: "store/effects.ts",
        find: "delete from millrace.waiter w using standing s where w.run_id = s.run_id and w.name = s.name and w.ordinal = s.ordinal",
        replace: "select from standing",
      },
    ],
    caughtBy: {
      file: "test/engine/fence.test.ts",
      test: "an attempt whose lease was taken back cannot note what befell an effect, or record its receipt, waiting or under its new holder",
    },
  },
  {
    bug: "a transaction's step looks at the lease, but not at the run",
    edits: [
      {
        file: "store/migrations/0016_effects.sql",
        find: "where r.id = keep_step.run_id and r.state is null and r.attempts = keep_step.attempt - 1\n      for no key update;",
        replace: "where r.id = keep_step.run_id and r.state is null;",
      },
    ],
    caughtBy: {
      file: "test/worker/transaction-step.test.ts",
      test: "millrace.keep_step refuses another worker, another lease, another attempt and another run, and a second one",
    },
  },
];

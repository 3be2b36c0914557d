import type { KeyObject } from "node:crypto";
import { MillraceError, subjectIn } from "@millrace/core";
import { type Place, sealContent, sealedInputText } from "../../security/sealed-content.ts";

/** Encrypts what one run keeps of its subject. */
export class RunSeal {
  readonly #subject: string;
  readonly #key: KeyObject;
  readonly #run: string;

  constructor(subject: string, key: KeyObject, run: string) {
    this.#subject = subject;
    this.#key = key;
    this.#run = run;
  }

  /** A text, to stand where text does. */
  text(place: Place, text: string): string {
    return sealContent(this.#key, this.#header(place, false), text);
  }

  /** A JSON text, as another one that stands in its place. */
  json(place: Place, json: string): string {
    return JSON.stringify(sealContent(this.#key, this.#header(place, true), json));
  }

  /**
   * The input of the run that this one goes on as.
   *
   * @throws MillraceError `invalid_input` when it is about somebody else
   */
  nextInput(json: string, path: readonly string[], job: string, input: unknown): string {
    const name = subjectIn(JSON.parse(json), path, job);
    if (name !== subjectIn(input, path, job)) {
      throw new MillraceError(
        "invalid_input",
        `input of the next run of ${job}: ${path.join(".")} names another subject, and a run goes on with its own; start a new run for the other`,
      );
    }
    const header = { subject: this.#subject, run: null, place: "input", json: true } as const;
    return sealedInputText(sealContent(this.#key, header, json), this.#subject, path);
  }

  #header(place: Place, json: boolean) {
    return { subject: this.#subject, run: this.#run, place, json };
  }
}

/** Something that a person has to mend, and is told in full: it is shown without a stack trace. */
export class Trouble extends Error {
  constructor(message, { exitCode = 1 } = {}) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The end of a command that could not do its work. */
export function failed(error) {
  console.error(error instanceof Trouble ? error.message : error);
  process.exitCode = error instanceof Trouble ? error.exitCode : 1;
}

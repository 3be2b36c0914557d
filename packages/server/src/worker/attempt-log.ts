import { type LogFields, type RunLog, currentStep } from "@millrace/sdk";
import type { RunSeal } from "../engine/subjects/run-seal.ts";
import type { Masks } from "../security/masks.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { AttemptContext } from "./attempt-context.ts";
import { type Level, MAX_LINES, fieldsText, isCut, messageText, reaches } from "./log-line.ts";
import type { LogHold } from "./log-hold.ts";

/** Room for the numbers of one attempt's lines, so that lines sort by attempt and then as they were written. */
const SEQS_PER_ATTEMPT = 100_000;

const MAX_BYTES = 4 * 1024 * 1024;

/** Of all attempts of a run. A workflow that waits often has many, and each may say again what the one before has said. */
const RUN_LINES = 20_000;
const RUN_BYTES = 16 * 1024 * 1024;

export interface Line {
  readonly context: AttemptContext;
  readonly seq: number;
  readonly at: Date;
  readonly level: Level;
  readonly message: string;
  readonly fields: string | null;
  readonly step: string | null;
  readonly bytes: number;
  /** Said by the worker about the log: no bound takes it away. */
  readonly own: boolean;
}

type Told = Pick<Line, "level" | "message" | "fields">;

/** What an attempt's log needs of its worker. */
export interface LogGround {
  readonly logger: Logger;
  readonly masks: Masks;
  /** The least level that is kept with the run. What is below may stand in the worker's log. */
  readonly level: Level | "none";
  /** How much all attempts of the worker have said that is not written yet. */
  readonly hold: LogHold;
  /** A line was cut. */
  onCut(): void;
  /** So many lines are not kept: the run has too many, or the worker cannot write as fast as it is told. */
  onLeftOut(why: "run" | "worker", lines: number): void;
  /** There is something to write. */
  onSaid(log: AttemptLog): void;
}

/** What one attempt has said, until it is written. */
export class AttemptLog implements RunLog {
  readonly context: AttemptContext;
  readonly debug = this.#writer("debug");
  readonly info = this.#writer("info");
  readonly warn = this.#writer("warn");
  readonly error = this.#writer("error");
  /** Whether somebody is to take its lines. */
  queued = false;
  readonly #ground: LogGround;
  readonly #logger: Logger;
  #lines: Line[] = [];
  #numbers = 0;
  #said = 0;
  #saidBytes = 0;
  /** What is left of what the run may keep; undefined while nobody has looked how much there is. */
  #room: { lines: number; bytes: number } | undefined;
  #leftOut = 0;
  #leftOutTold = 0;
  #marked = false;
  #concluded = false;

  constructor(context: AttemptContext, ground: LogGround) {
    this.context = context;
    this.#ground = ground;
    this.#logger = ground.logger.child({
      run: context.runId,
      job: context.job,
      attempt: context.attempt,
      correlation: context.correlationId,
    });
    if (context.attempt === 1) this.sized(0, 0);
  }

  /** How much the run has in its log from attempts before this. */
  sized(lines: number, bytes: number): void {
    this.#room = { lines: RUN_LINES - lines, bytes: RUN_BYTES - bytes };
  }

  /** Whether somebody has to look how much the run has in its log. */
  get unsized(): boolean {
    return this.#room === undefined;
  }

  #writer(level: Level) {
    return (message: string, fields?: LogFields): void =>
      this.say(level, message, fields, currentStep());
  }

  /** @param step the step that says it */
  say(level: Level, message: string, fields?: LogFields, step?: string): void {
    const { masks, level: least } = this.#ground;
    const kept = !this.#concluded && reaches(level, least);
    // Not even looked at: what nobody wants to read should cost nothing.
    if (!kept && !this.#logger.isLevelEnabled(level)) return;
    if (kept && this.#isFull()) return this.#leaveOut("run");
    const { seal } = this.context;
    const line = {
      level,
      message: messageText(message, masks),
      fields: fieldsText(fields, masks),
    };
    if (!seal) {
      this.#logger[level](said(line, this.context.traceId), line.message);
    }
    if (!kept) return;
    if (isCut(line.message, line.fields)) this.#ground.onCut();
    this.#keep(line, seal, step);
  }

  /** Lines that were said elsewhere, and did not come here. */
  unsaid(lines: number): void {
    this.#mark();
    this.#leftOut += lines;
    this.#ground.onLeftOut("run", lines);
  }

  /** Takes up to so many lines that are to be written. */
  take(most: number): Line[] {
    const lines = this.#lines.splice(0, most);
    this.#ground.hold.give(lines);
    const room = this.#room;
    if (!room) return lines;
    return lines.filter((line) => {
      if (line.own) return true;
      room.lines--;
      room.bytes -= line.bytes;
      if (room.lines >= 0 && room.bytes >= 0) return true;
      this.#leaveOut("run");
      return false;
    });
  }

  get empty(): boolean {
    return this.#lines.length === 0;
  }

  /** Whether there is something to write, or to be told at the end. */
  get owes(): boolean {
    return this.#lines.length > 0 || this.queued || this.#leftOut > this.#leftOutTold;
  }

  /** The attempt has ended. What its handler says from now on, where that was left or goes on, is not kept: there is no lease to write it through. */
  conclude(): void {
    this.#concluded = true;
  }

  /** Says in a last line how much of what was said is not kept, if it is not all. */
  tellLeftOut(): void {
    const more = this.#leftOut - this.#leftOutTold;
    if (more === 0) return;
    this.#leftOutTold = this.#leftOut;
    this.#push(this.#ownLine(`${more} lines of this attempt were left out`));
  }

  #isFull(): boolean {
    return this.#said >= MAX_LINES || this.#saidBytes >= MAX_BYTES;
  }

  #keep(told: Told, seal: RunSeal | undefined, step: string | undefined): void {
    const within = step === undefined ? null : messageText(step, this.#ground.masks);
    const line = this.#line(sealedLine(told, seal), within, false);
    const { hold } = this.#ground;
    if (!hold.takes(line.bytes, this.#lines.length)) return this.#leaveOut("worker");
    this.#said++;
    this.#saidBytes += line.bytes;
    this.#push(line);
  }

  #leaveOut(why: "run" | "worker"): void {
    this.#leftOut++;
    this.#ground.onLeftOut(why, 1);
    if (why === "run") this.#mark();
  }

  /** Whoever reads the log of an attempt that has been killed meanwhile is to know that there was more. */
  #mark(): void {
    if (this.#marked) return;
    this.#marked = true;
    this.#push(
      this.#ownLine(
        "no more of this attempt is kept: it has said as much as may be kept of it, or of its run",
      ),
    );
  }

  #ownLine(message: string): Line {
    const { seal } = this.context;
    return this.#line(sealedLine({ level: "warn", message, fields: null }, seal), null, true);
  }

  #line(told: Told, step: string | null, own: boolean): Line {
    const { context } = this;
    const bytes = Buffer.byteLength(told.message) + Buffer.byteLength(told.fields ?? "");
    const seq = context.attempt * SEQS_PER_ATTEMPT + this.#numbers++;
    return { context, seq, at: new Date(), ...told, step, bytes, own };
  }

  #push(line: Line): void {
    this.#lines.push(line);
    this.#ground.hold.take(line);
    this.#ground.onSaid(this);
  }
}

/** What a line of the worker's log says besides its text. */
function said({ fields }: Told, traceId: string | undefined) {
  const told = { event: "run.log" as const, fields: fields && (JSON.parse(fields) as unknown) };
  return traceId === undefined ? told : { ...told, trace_id: traceId };
}

/** A line of a run that is about somebody is in its log alone, encrypted, and in none of the worker. */
function sealedLine(line: Told, seal: RunSeal | undefined): Told {
  if (!seal) return line;
  const fields = line.fields && seal.json("fields", line.fields);
  return { level: line.level, message: seal.text("log", line.message), fields };
}

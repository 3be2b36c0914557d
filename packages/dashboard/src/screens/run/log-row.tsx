import type { LogLine } from "@millrace/core/api";
import { writeJson } from "../../data/write-json.ts";
import { exactTime, inUtc } from "../../parts/moment.ts";
import { withQuery } from "../../routing/router.ts";
import { linksIn } from "./links-in.ts";
import { cutPieces, plainText, terminalText } from "./terminal-text.ts";

/** What is longer is folded to so much, in lines and in characters. */
const FOLD_LINES = 4;
const FOLD_LENGTH = 1000;
const FOLD_FIELDS = 300;

/** One line of a log, which may have lines within. */
export function LogRow({
  line: { seq, at, level, message, fields },
  isNamed,
  isFolded,
  onTurn,
}: {
  line: LogLine;
  isNamed: boolean;
  isFolded: boolean;
  onTurn: () => void;
}) {
  const { pieces, leftOut } = terminalText(message);
  const text = pieces.map((piece) => piece.text).join("");
  const known = fields === null ? "" : inOneLine(fields);
  const end = foldAt(text);
  const isLong = end < text.length || known.length > FOLD_FIELDS;
  const shown = isFolded && isLong ? cutPieces(pieces, end) : pieces;
  return (
    <div class={`line line-${level}${isNamed ? " named" : ""}`} id={`line-${seq}`}>
      <a
        class="line-time"
        href={withQuery({ tab: undefined, line: String(seq) })}
        aria-current={isNamed ? "true" : undefined}
        title="A link to this line"
      >
        <time dateTime={at}>{exactTime(at, inUtc.value).slice(11)}</time>
      </a>{" "}
      <span class="level">{level.toUpperCase().padEnd(5)}</span>{" "}
      {shown.map((piece, n) => (
        <Said key={n} text={piece.text} look={piece.look} />
      ))}
      {leftOut && (
        <span class="muted" title="Something that only a terminal can show was left out">
          {" "}
          ▨<span class="unseen">something for terminals left out</span>
        </span>
      )}
      {fields !== null && (
        <span class="muted">
          {" "}
          <Said
            text={
              !isLong ? known : isFolded ? known.slice(0, FOLD_FIELDS) : `\n${writeJson(fields)}`
            }
          />
        </span>
      )}
      {isLong && (
        <>
          {" "}
          <button type="button" class="link" aria-expanded={!isFolded} onClick={onTurn}>
            {isFolded ? moreOf(text, end, known) : "fold"}
          </button>
        </>
      )}
    </div>
  );
}

/** A line as text: what is copied. */
export function lineText({ at, level, attempt, step, message, fields }: LogLine): string {
  const place = step === null ? "" : `[${step}] `;
  const known = fields === null ? "" : ` ${inOneLine(fields)}`;
  const time = exactTime(at, inUtc.value);
  return `${time} ${level.toUpperCase().padEnd(5)} try ${attempt}  ${place}${plainText(message)}${known}`;
}

function Said({ text, look }: { text: string; look?: string }) {
  const parts = linksIn(text).map(({ text: said, href }, n) =>
    href === undefined ? (
      said
    ) : (
      <a key={n} href={href} target="_blank" rel="noopener noreferrer">
        {said}
      </a>
    ),
  );
  return look ? <span class={look}>{parts}</span> : <>{parts}</>;
}

/** Where a text is folded: its end, where it is short. */
function foldAt(text: string): number {
  let end = -1;
  for (let n = 0; n < FOLD_LINES; n++) {
    end = text.indexOf("\n", end + 1);
    if (end < 0) return text.length > FOLD_LENGTH ? FOLD_LENGTH : text.length;
  }
  // One line more takes no more room than the word that there is one.
  if (text.indexOf("\n", end + 1) < 0) end = text.length;
  return Math.min(end, FOLD_LENGTH);
}

function moreOf(text: string, end: number, known: string): string {
  const lines = text.slice(end).split("\n").length - 1;
  if (lines > 0) return `… ${lines.toLocaleString("en")} more ${lines === 1 ? "line" : "lines"}`;
  const length = text.length - end + Math.max(0, known.length - FOLD_FIELDS);
  return `… ${length.toLocaleString("en")} more characters`;
}

/** JSON without what lays it out; what stands in its texts stays. */
function inOneLine(fields: NonNullable<LogLine["fields"]>): string {
  return writeJson(fields).replaceAll(/\n\s*/g, " ");
}

/** What tells a terminal its colours, or moves its cursor (ECMA-48: CSI, OSC, and two-letter escapes). */
const CONTROLS =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for.
  /\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[\u001b\u009b]\[?[\d;:?<=>]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** Of those what says how text looks from there on. */
// oxlint-disable-next-line no-control-regex -- it is what is looked for.
const LOOKS = /^(?:\u001b\[|\u009b)([\d;]*)m$/;

/** Text that looks alike. */
export interface Piece {
  text: string;
  /** Names of classes; empty for text as any other. */
  look: string;
}

export interface TerminalText {
  pieces: readonly Piece[];
  /** Something is not shown as a terminal would. */
  leftOut: boolean;
}

/**
 * A text that was written for a terminal, as a page shows it: with the eight colours and their bright ones, bold, dim, italic, underlined.
 * Black and white are the colour of text, which can be read in both themes.
 */
export function terminalText(written: string): TerminalText {
  // The end of a line, as other systems have it, is one.
  const lines = written.replaceAll("\r\n", "\n");
  const pieces: Piece[] = [];
  const look = new Look();
  let leftOut = false;
  let from = 0;
  for (const match of lines.matchAll(CONTROLS)) {
    if (match.index > from) {
      pieces.push({ text: lines.slice(from, match.index), look: look.classes });
    }
    from = match.index + match[0].length;
    const codes = LOOKS.exec(match[0])?.[1];
    leftOut = codes === undefined || !look.change(codes) || leftOut;
  }
  if (from < lines.length) pieces.push({ text: lines.slice(from), look: look.classes });
  return { pieces, leftOut };
}

/** The same without any look. */
export function plainText(written: string): string {
  return written.replaceAll("\r\n", "\n").replaceAll(CONTROLS, "");
}

/** The first characters of it. */
export function cutPieces(pieces: readonly Piece[], length: number): Piece[] {
  const cut: Piece[] = [];
  let left = length;
  for (const { text, look } of pieces) {
    if (left <= 0) break;
    cut.push({ text: text.slice(0, left), look });
    left -= text.length;
  }
  return cut;
}

/** As terminals number them; the first and the last are those of all text. */
const COLORS = ["", "red", "green", "yellow", "blue", "magenta", "cyan", ""];

class Look {
  #color = "";
  #bold = false;
  #dim = false;
  #italic = false;
  #underlined = false;

  get classes(): string {
    return [
      this.#color && `ansi-${this.#color}`,
      this.#bold && "ansi-bold",
      this.#dim && "ansi-dim",
      this.#italic && "ansi-italic",
      this.#underlined && "ansi-underlined",
    ]
      .filter(Boolean)
      .join(" ");
  }

  /** @param text of "Select graphic rendition", such as `1;31`. @returns whether all of it can be shown */
  change(text: string): boolean {
    const codes = text.split(";").map(Number);
    let all = true;
    for (let n = 0; n < codes.length; n++) {
      const code = codes[n]!;
      if (code === 38 || code === 48) {
        // One of 256, by its number; or by its parts of red, green and blue.
        const [kind, index = 0] = codes.slice(n + 1);
        n += kind === 5 ? 2 : 4;
        const known = code === 38 && kind === 5 && index < 16;
        if (code === 38) this.#paint(known ? index % 8 : 0, known && index === 8);
        all &&= known;
      } else all = this.#one(code) && all;
    }
    return all;
  }

  #one(code: number): boolean {
    if (code >= 30 && code <= 37) this.#paint(code - 30);
    else if (code >= 90 && code <= 97) this.#paint(code - 90, code === 90);
    else if (code === 0) this.#forget();
    else if (code === 1) this.#bold = true;
    else if (code === 2) this.#dim = true;
    else if (code === 3) this.#italic = true;
    else if (code === 4) this.#underlined = true;
    else if (code === 22) this.#bold = this.#dim = false;
    else if (code === 23) this.#italic = false;
    else if (code === 24) this.#underlined = false;
    else if (code === 39) this.#paint(0);
    // They end what is left out.
    else return [25, 27, 28, 29, 49].includes(code);
    return true;
  }

  /** @param grey bright black, which is what is not to be loud */
  #paint(color: number, grey = false): void {
    this.#color = grey ? "grey" : COLORS[color]!;
  }

  #forget(): void {
    this.#color = "";
    this.#bold = this.#dim = this.#italic = this.#underlined = false;
  }
}

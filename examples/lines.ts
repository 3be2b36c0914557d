export interface Line {
  text: string;
  /** Longer than the limit: `text` is its beginning. */
  cut: boolean;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * The lines of a byte stream, without their ends (`\n` or `\r\n`). However long a line is, no more than the limit is
 * held; bytes that are not UTF-8 come as U+FFFD. An end without a newline is a line too.
 */
export async function* lines(
  stream: AsyncIterable<Uint8Array>,
  { maxBytes }: { maxBytes: number },
): AsyncGenerator<Line> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let held: Uint8Array[] = [];
  let size = 0;

  const keep = (piece: Uint8Array) => {
    const room = maxBytes + 1 - size;
    if (room > 0) held.push(piece.subarray(0, room));
    size += piece.length;
  };
  const take = (): Line => {
    const bytes = held.length === 1 ? held[0]! : Buffer.concat(held);
    const whole = size <= maxBytes && bytes[size - 1] === RETURN ? bytes.subarray(0, -1) : bytes;
    const cut = size > maxBytes;
    held = [];
    size = 0;
    return { text: decoder.decode(cut ? whole.subarray(0, maxBytes) : whole), cut };
  };

  for await (const chunk of stream) {
    let from = 0;
    for (let at; (at = chunk.indexOf(NEWLINE, from)) !== -1; from = at + 1) {
      keep(chunk.subarray(from, at));
      yield take();
    }
    // A copy: the rest may wait for a slow stream, and would hold the whole chunk.
    if (from < chunk.length) keep(chunk.slice(from));
  }
  if (size > 0) yield take();
}

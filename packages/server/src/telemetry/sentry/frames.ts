/** A line of a stack, as Sentry shows it. */
export interface Frame {
  filename: string;
  function?: string;
  lineno: number;
  colno?: number;
  /** Whether it is the author's own code. */
  in_app: boolean;
}

/** `at name (place:1:2)` or `at place:1:2`, as V8 writes them. */
const FRAME = /^\s+at (?:(.+?) \()?(.+?):(\d+)(?::(\d+))?\)?$/;

const FOREIGN = /^node:|[\\/]node_modules[\\/]|^(?:native|<anonymous>|internal[\\/])/;

const MAX_FRAMES = 50;

/**
 * The frames of a stack, the innermost last. Those of its causes are left out.
 *
 * @param folder of the process: paths below it are told without it, for it differs from machine to machine
 */
export function framesOf(stack: string, message: string, folder: string): Frame[] {
  // A message may look like frames.
  const from = stack.indexOf(message);
  const lines = stack.slice(from === -1 ? 0 : from + message.length).split("\n");
  const end = lines.findIndex((line) => line.startsWith("Caused by: "));
  return lines
    .slice(0, end === -1 ? undefined : end)
    .slice(0, MAX_FRAMES)
    .flatMap((line) => frameOf(line.slice(0, 1000), folder))
    .toReversed();
}

function frameOf(line: string, folder: string): Frame[] {
  const [, name, place, lineno, colno] = FRAME.exec(line) ?? [];
  if (place === undefined) return [];
  const path = place.replace(/^file:\/\//, "").replace(/\?.*$/, "");
  const below = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
  return [
    {
      filename: below,
      ...(name !== undefined && { function: name }),
      lineno: Number(lineno),
      ...(colno !== undefined && { colno: Number(colno) }),
      in_app: !FOREIGN.test(path),
    },
  ];
}

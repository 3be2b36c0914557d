/** What tells a terminal its colours, or moves its cursor (ECMA-48: CSI, OSC, and two-letter escapes). */
const CONTROLS =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for.
  /\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[\u001b\u009b]\[?[\d;:?<=>]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** A text that was written for a terminal, as a page shows it, and whether something of it was left out. */
export function terminalText(written: string): { text: string; wasStyled: boolean } {
  // The end of a line, as other systems have it, is one.
  const lines = written.replaceAll("\r\n", "\n");
  const text = lines.replaceAll(CONTROLS, "");
  return { text, wasStyled: text.length !== lines.length };
}

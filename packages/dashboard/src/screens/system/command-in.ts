/** A command of ours or of SQL, from the beginning of a fix or behind a colon, up to where it goes on in words. */
const COMMAND =
  /(?:^|: )((?:millrace|select|vacuum|reindex|rollback prepared|alter system) .+?)(?=, (?:or|and|which|in) |; (?!select )|$)/;

/** What of a fix can be pasted into a terminal, or into psql; undefined where it is words alone. */
export function commandIn(fix: string): string | undefined {
  return COMMAND.exec(fix)?.[1];
}

/** The most that a queue may be told to take. */
export const MAX_DEPTH = 100_000_000;

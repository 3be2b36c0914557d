export interface PlantedBug {
  bug: string;
  edits: readonly Edit[];
  caughtBy: { file: string; test: string };
}

export interface Edit {
  /** Below `packages/server/src`; those of another package from there. */
  file: string;
  find: string;
  replace: string;
  /** Whether all places are meant. */
  all?: boolean;
}

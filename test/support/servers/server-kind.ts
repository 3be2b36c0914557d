/** A kind of server that tests need: how to find one, and how to start one. */
export interface ServerKind {
  /** "Redis" */
  readonly name: string;
  /** The environment variable that names one to use, and nothing else. */
  readonly setting: string;
  /** What to tell people to install, and what apt-get installs where it may. */
  readonly debianPackage: string;
  /** Its version or greeting, as it answers at `url` and lets us in. @throws Error when it does not */
  greet(url: string): Promise<string>;
  /** The URLs at which one may be running already. */
  usualUrls(): string[];
  /** Starts one that is so much quicker than one that runs that it is worth it, or answers `undefined` where that cannot be. */
  startQuicker?(): Promise<RunningServer | undefined>;
  /** Starts an installed one on a free port, or answers `undefined` when none is installed. */
  start(): Promise<RunningServer | undefined>;
}

export interface RunningServer {
  readonly url: string;
  /** Stops what was started, by pid, and removes its data; does nothing for a server that was found. */
  stop(): Promise<void>;
}

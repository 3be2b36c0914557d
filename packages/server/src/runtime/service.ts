/** The one shape of everything that lives long. `stop` may be called at any time, and more than once. */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

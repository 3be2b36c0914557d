/**
 * Metrics in the Prometheus text format 0.0.4. The classes and their options are those of `@prometheus-io/client` (the
 * successor of prom-client, which needs Node 22), as far as we use them, so that it can take this file's place.
 *
 * @example
 *   const settled = new Counter({
 *     name: "millrace_attempts_total",
 *     help: "Attempts that ended",
 *     labelNames: ["job_name", "outcome"],
 *     registers: [registry],
 *   });
 *   settled.inc({ job_name: labels.of(job), outcome: "completed" });
 */
export type Labels<Name extends string = string> = Readonly<Record<Name, string | number>>;

export interface MetricOptions<Name extends string> {
  name: string;
  help: string;
  labelNames?: readonly Name[];
  registers: readonly Registry[];
  /** Called before the metric is read, to bring it up to date. */
  collect?: () => void | Promise<void>;
}

/** The metrics of one process. */
export class Registry {
  readonly contentType = "text/plain; version=0.0.4; charset=utf-8";
  readonly #metrics = new Map<string, Metric>();

  /** @throws Error when the name is taken */
  registerMetric(metric: Metric): void {
    if (this.#metrics.has(metric.name)) throw new Error(`two metrics are named ${metric.name}`);
    this.#metrics.set(metric.name, metric);
  }

  /** The text that a Prometheus server reads. */
  async metrics(): Promise<string> {
    const metrics = [...this.#metrics.values()];
    await Promise.all(metrics.map((metric) => metric.collect?.()));
    return metrics.map((metric) => metric.text()).join("");
  }
}

interface Metric {
  readonly name: string;
  readonly collect: (() => void | Promise<void>) | undefined;
  text(): string;
}

const NAME = /^[a-z_][a-z0-9_]*$/;

/** Prometheus labels what it scrapes with these, and puts ours aside. */
const ITS_OWN = ["job", "instance"];

abstract class Labelled<Name extends string, Value> implements Metric {
  readonly name: string;
  readonly collect: (() => void | Promise<void>) | undefined;
  readonly #help: string;
  readonly #labelNames: readonly Name[];
  protected readonly series = new Map<string, Value>();

  constructor(options: MetricOptions<Name>) {
    const wrong = [options.name, ...(options.labelNames ?? [])].find((name) => !NAME.test(name));
    const taken = options.labelNames?.find((name) => ITS_OWN.includes(name));
    if (taken !== undefined) throw new Error(`the label ${taken} is Prometheus's own`);
    if (wrong !== undefined) throw new Error(`${wrong} is not the name of a metric or a label`);
    this.name = options.name;
    this.#help = options.help;
    this.#labelNames = options.labelNames ?? [];
    this.collect = options.collect;
    for (const registry of options.registers) registry.registerMetric(this);
  }

  /** The labels as they are written, which is also the key of their series. */
  protected keyOf(labels: Labels<Name>): string {
    return this.#labelNames.map((name) => `${name}="${escapeLabel(labels[name])}"`).join(",");
  }

  text(): string {
    const lines = [...this.series].map(([key, value]) => this.lines(key, value)).join("");
    return `# HELP ${this.name} ${escapeHelp(this.#help)}\n# TYPE ${this.name} ${this.type}\n${lines}`;
  }

  protected abstract readonly type: string;

  protected abstract lines(key: string, value: Value): string;
}

/** A number that only grows while the process lives. */
export class Counter<Name extends string = never> extends Labelled<Name, number> {
  protected readonly type = "counter";

  constructor(options: MetricOptions<Name>) {
    super(options);
    if (!options.labelNames?.length) this.series.set("", 0);
  }

  inc(labels: Labels<Name>, by = 1): void {
    this.#add(this.keyOf(labels), by);
  }

  /** One series, for who counts it often: its labels are written once. */
  labels(labels: Labels<Name>): { inc(by?: number): void } {
    const key = this.keyOf(labels);
    return { inc: (by = 1) => this.#add(key, by) };
  }

  #add(key: string, by: number): void {
    this.series.set(key, (this.series.get(key) ?? 0) + by);
  }

  protected lines(key: string, value: number): string {
    return sample(this.name, key, value);
  }
}

/** A number that goes up and down. It is not shown before it was set. */
export class Gauge<Name extends string = never> extends Labelled<Name, number> {
  protected readonly type = "gauge";

  set(labels: Labels<Name>, value: number): void {
    this.series.set(this.keyOf(labels), value);
  }

  /** Forgets every value: what cannot be measured now must not be shown as it was. */
  reset(): void {
    this.series.clear();
  }

  protected lines(key: string, value: number): string {
    return sample(this.name, key, value);
  }
}

export interface HistogramOptions<Name extends string> extends MetricOptions<Name> {
  /** Upper bounds, growing. Default: 1 ms to 10 s, in seconds. */
  buckets?: readonly number[];
}

/** For what takes as long as people's code does. */
export const LONG_SECONDS: readonly number[] = [
  ...[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600],
];

/** For how many of something are handled together. */
export const BATCHES: readonly number[] = [1, 2, 5, 10, 25, 50, 100, 250, 500];

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Observed {
  counts: number[];
  count: number;
  sum: number;
}

/** How observed values are spread over buckets. */
export class Histogram<Name extends string = never> extends Labelled<Name, Observed> {
  protected readonly type = "histogram";
  readonly #bounds: readonly number[];

  constructor(options: HistogramOptions<Name>) {
    super(options);
    this.#bounds = options.buckets ?? SECONDS;
  }

  observe(labels: Labels<Name>, value: number): void {
    this.#add(this.keyOf(labels), value);
  }

  /** One series, as of {@link Counter.labels}. */
  labels(labels: Labels<Name>): { observe(value: number): void } {
    const key = this.keyOf(labels);
    return { observe: (value) => this.#add(key, value) };
  }

  #add(key: string, value: number): void {
    let seen = this.series.get(key);
    if (!seen) {
      seen = { counts: this.#bounds.map(() => 0), count: 0, sum: 0 };
      this.series.set(key, seen);
    }
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) seen.counts[bucket] = (seen.counts[bucket] ?? 0) + 1;
    seen.count++;
    seen.sum += value;
  }

  protected lines(key: string, { counts, count, sum }: Observed): string {
    let below = 0;
    const bucket = (le: string, n: number) =>
      sample(`${this.name}_bucket`, key ? `${key},le="${le}"` : `le="${le}"`, n);
    const buckets = this.#bounds.map((bound, index) => {
      below += counts[index] ?? 0;
      return bucket(String(bound), below);
    });
    return [
      ...buckets,
      bucket("+Inf", count),
      sample(`${this.name}_sum`, key, sum),
      sample(`${this.name}_count`, key, count),
    ].join("");
  }
}

/** Of names that people give, such as those of jobs and queues, so many have series of their own. */
export const MAX_NAMES = 500;

/** Keeps a label from growing with what people name: after so many distinct values, new ones are `other`. */
export class BoundedLabel {
  readonly #max: number;
  readonly #seen = new Set<string>();

  constructor(max = MAX_NAMES) {
    this.#max = max;
  }

  of(value: string): string {
    if (this.#seen.has(value)) return value;
    if (this.#seen.size >= this.#max) return "other";
    this.#seen.add(value);
    return value;
  }
}

function sample(name: string, labels: string, value: number): string {
  return `${name}${labels && `{${labels}}`} ${formatNumber(value)}\n`;
}

function formatNumber(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}

function escapeLabel(value: string | number): string {
  return String(value).replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

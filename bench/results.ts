/** One workload's figures for one subject: what every round measured. */
export class Results {
  readonly #samples = new Map<string, { unit: string; subjects: Map<string, number[]> }>();

  add(workload: string, subject: string, value: number, unit: string): void {
    let entry = this.#samples.get(workload);
    if (!entry) this.#samples.set(workload, (entry = { unit, subjects: new Map() }));
    const values = entry.subjects.get(subject);
    if (values) values.push(value);
    else entry.subjects.set(subject, [value]);
  }

  get workloads(): string[] {
    return [...this.#samples.keys()];
  }

  unitOf(workload: string): string {
    return this.#samples.get(workload)!.unit;
  }

  subjectsOf(workload: string): string[] {
    return [...(this.#samples.get(workload)?.subjects.keys() ?? [])];
  }

  of(workload: string, subject: string): Figure | undefined {
    const values = this.#samples.get(workload)?.subjects.get(subject);
    return values && figureOf(values);
  }

  /** The values of the rounds, in their order, so that two that shared a round can be set against each other. */
  rounds(workload: string, subject: string): readonly number[] | undefined {
    return this.#samples.get(workload)?.subjects.get(subject);
  }
}

export interface Figure {
  median: number;
  min: number;
  max: number;
}

function figureOf(values: readonly number[]): Figure {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Linear between the two values that are nearest. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place % 1);
}

import { cpus } from "node:os";

/** How busy this machine is. */
export interface MachineLoad {
  /** Share of the time of all CPUs since the last look, 0 to 1. */
  cpu: number;
  /** That a new process could have; within a container, of what the container may have. */
  freeBytes: number;
}

export interface MachineBound {
  maxCpu: number;
  minFreeBytes: number;
}

/** Looks at the CPUs' counters between one call and the next. */
export class Machine {
  #before = cpuTimes();

  look(): MachineLoad {
    const now = cpuTimes();
    const total = now.total - this.#before.total;
    const idle = now.idle - this.#before.idle;
    this.#before = now;
    return { cpu: total > 0 ? 1 - idle / total : 0, freeBytes: process.availableMemory() };
  }
}

/**
 * How many workers the machine has room for: one that is full gets no more, and one that is short of memory gives one up,
 * down to the least.
 */
export function boundByMachine(
  wanted: number,
  working: number,
  min: number,
  { cpu, freeBytes }: MachineLoad,
  { maxCpu, minFreeBytes }: MachineBound,
): { workers: number; why?: string } {
  if (freeBytes < minFreeBytes && wanted >= working) {
    return { workers: Math.max(min, Math.min(wanted, working - 1)), why: "memory is short" };
  }
  if (cpu > maxCpu && wanted > working) {
    return { workers: Math.max(min, working), why: "the CPUs are busy" };
  }
  return { workers: wanted };
}

function cpuTimes(): { total: number; idle: number } {
  const times = cpus().map((cpu) => cpu.times);
  const sum = (read: (time: (typeof times)[number]) => number) =>
    times.reduce((total, time) => total + read(time), 0);
  const idle = sum((time) => time.idle);
  return { idle, total: idle + sum(({ user, nice, sys, irq }) => user + nice + sys + irq) };
}

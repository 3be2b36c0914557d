import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Trouble } from "./failed.mjs";

const PATIENCE_MS = 10 * 60_000;

/** Runs `work` while this process alone holds the folder `lock`. The lock of a process that is gone is taken over. */
export async function withLock(lock, work) {
  await acquire(lock);
  try {
    return await work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

async function acquire(lock) {
  const started = performance.now();
  let told = false;
  while (!tryAcquire(lock)) {
    const holder = holderOf(lock);
    if (holder !== undefined && !isAlive(holder)) {
      breakLock(lock, holder);
      continue;
    }
    if (performance.now() - started > PATIENCE_MS) {
      throw new Trouble(
        `Process ${holder} has been preparing this checkout for 10 minutes. If it is not, remove ${lock}`,
      );
    }
    if (!told) console.error(`Waiting for process ${holder}, which prepares this checkout…`);
    told = true;
    await sleep(100);
  }
}

/** The folder gets its final name only with the pid inside, so that there is no lock without a holder. */
function tryAcquire(lock) {
  const mine = `${lock}.${process.pid}`;
  mkdirSync(mine, { recursive: true });
  writeFileSync(join(mine, "pid"), String(process.pid));
  try {
    // Renaming onto a folder that is not empty fails on every system.
    renameSync(mine, lock);
    return true;
  } catch (error) {
    rmSync(mine, { recursive: true, force: true });
    if (["ENOTEMPTY", "EEXIST", "EPERM", "EACCES"].includes(error.code) && holderOf(lock))
      return false;
    // It was released between the two.
    if (["ENOTEMPTY", "EEXIST"].includes(error.code)) return false;
    throw error;
  }
}

/** Two that find the same dead holder must not both remove the lock: the second would remove the first one's. */
function breakLock(lock, holder) {
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch {
    return;
  }
  if (holderOf(aside) !== holder) renameSync(aside, lock);
  rmSync(aside, { recursive: true, force: true });
}

function holderOf(lock) {
  try {
    return Number(readFileSync(join(lock, "pid"), "utf8"));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

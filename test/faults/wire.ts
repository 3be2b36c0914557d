/**
 * `npm run faults:wire -- --every 1`: cuts the connection to PostgreSQL after every single message of its protocol, in either direction, in
 * the course of a workflow. Exit code 1 when one does not end, or a step is recorded or executed twice.
 */
import { FaultProxy } from "./harness/fault-proxy.ts";
import { Rig } from "./harness/rig.ts";
import { faultsIn, numbersAsked, printReport, scriptDatabase } from "./harness/script.ts";
import { sweepWire } from "./harness/wire-sweep.ts";

async function main(): Promise<number> {
  const { every } = numbersAsked({ every: 1 });
  const database = await scriptDatabase();
  const proxy = await FaultProxy.to(database.url);
  const rig = new Rig({ url: database.url, faultyUrl: proxy.url });
  let faults: string[] = ["it did not get to its end"];
  try {
    await rig.startReaper();
    await rig.startDispatcher();
    await rig.startWorker();
    const { last, faults: found } = await sweepWire(rig, proxy, every);
    await rig.settled();
    const report = await rig.report();
    printReport(report);
    faults = [...found, ...faultsIn(report), ...report.startedTwice];
    console.log(`cut                  ${proxy.cuts} times: up to message ${last["to server"]} to the server, and ${last["to client"]} to the client
steps twice          ${faults.length}`);
  } finally {
    await rig.close({ keepFiles: faults.length > 0 });
    await proxy.close();
    await database.close();
    for (const fault of faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
    if (faults.length > 0) console.log(`history and ledger: ${rig.folder}`);
  }
  return faults.length > 0 ? 1 : 0;
}

process.exitCode = await main();

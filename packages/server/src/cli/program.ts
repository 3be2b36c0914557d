import { Command } from "commander";
import type { Cli } from "./cli.ts";
import { answerCommands } from "./commands/approve.ts";
import { approvalsCommand } from "./commands/approvals.ts";
import { autoscaleCommand } from "./commands/autoscale.ts";
import { cancelCommand } from "./commands/cancel.ts";
import { deadCommand } from "./commands/dead.ts";
import { deployCommand } from "./commands/deploy.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { doubtsCommand } from "./commands/doubts.ts";
import { emitCommand } from "./commands/emit.ts";
import { explainCommand } from "./commands/explain.ts";
import { forkCommand } from "./commands/fork.ts";
import { jobsCommand } from "./commands/jobs.ts";
import { keysCommand } from "./commands/keys.ts";
import { logsCommand } from "./commands/logs.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { pausesCommand } from "./commands/pauses.ts";
import { operationsCommand } from "./commands/operations.ts";
import { peopleCommand } from "./commands/people.ts";
import { pruneCommand } from "./commands/prune.ts";
import { queryCommand } from "./commands/query.ts";
import { queuesCommand } from "./commands/queues.ts";
import { replayCommand } from "./commands/replay.ts";
import { rerunCommand } from "./commands/rerun.ts";
import { apiCommand, maintenanceCommand, schedulerCommand } from "./commands/roles.ts";
import { runCommand } from "./commands/run.ts";
import { runsCommand } from "./commands/runs.ts";
import { schedulesCommand } from "./commands/schedules.ts";
import { secretsCommand } from "./commands/secrets.ts";
import { signalCommand } from "./commands/signal.ts";
import { startCommand } from "./commands/start.ts";
import { workerCommand } from "./commands/worker.ts";
import { workersCommand } from "./commands/workers.ts";
import { VERSION } from "./version.ts";

const HELP = `
The commands under Runs and Operations talk to the server at MILLRACE_URL, else to the one on this machine
(127.0.0.1:4700), with the key of MILLRACE_API_KEY, else of .millrace/api-key. All settings: docs/settings.md.

Exit codes: 0 done, 1 failed, 2 bad usage, 3 not found, 4 partly done, 5 unhealthy, 6 no right, 7 server or
database not reachable, 130 interrupted; run --wait: 10 failed, 11 cancelled, 12 not within the time.`;

const GROUPS: Record<string, ((cli: Cli) => Command)[]> = {
  "Server:": [
    startCommand,
    apiCommand,
    workerCommand,
    schedulerCommand,
    maintenanceCommand,
    autoscaleCommand,
    migrateCommand,
    deployCommand,
    pruneCommand,
    doctorCommand,
  ],
  "Runs:": [
    runCommand,
    runsCommand,
    logsCommand,
    explainCommand,
    cancelCommand,
    rerunCommand,
    forkCommand,
    replayCommand,
    emitCommand,
    signalCommand,
    queryCommand,
  ],
  "Operations:": [
    jobsCommand,
    queuesCommand,
    pausesCommand,
    workersCommand,
    deadCommand,
    doubtsCommand,
    approvalsCommand,
    ...answerCommands,
    operationsCommand,
    schedulesCommand,
    peopleCommand,
    keysCommand,
    secretsCommand,
  ],
};

/** All commands. They throw instead of ending the process, and leave what to print of errors to their caller. */
export function buildProgram(cli: Cli): Command {
  const program = new Command("millrace")
    .description("Run automations that finish, whatever crashes.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .addHelpText("after", HELP);
  for (const [heading, commands] of Object.entries(GROUPS)) {
    for (const command of commands) program.addCommand(command(cli).helpGroup(heading));
  }
  program.helpCommand("help [command]", "print help on a command");
  prepare(program, cli);
  return program;
}

function prepare(command: Command, cli: Cli): void {
  // An option after a subcommand belongs to the subcommand, also where its parent has one of the same name.
  command
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.out.part(text),
      writeErr: () => {},
      getOutHasColors: () => cli.out.colours,
      getOutHelpWidth: () => cli.out.columns ?? 100,
    });
  for (const child of command.commands) prepare(child, cli);
}

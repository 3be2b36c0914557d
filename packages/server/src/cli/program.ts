import { Command } from "commander";
import type { Cli } from "./cli.ts";
import { VERSION } from "./version.ts";

const HELP = `
The commands under Runs and Operations talk to the server at MILLRACE_URL, else to the one on this machine
(127.0.0.1:4700), with the key of MILLRACE_API_KEY, else of .millrace/api-key. All settings: docs/settings.md.

Exit codes: 0 done, 1 failed, 2 bad usage, 3 not found, 4 partly done, 5 unhealthy, 6 no right, 7 server or
database not reachable, 130 interrupted; run --wait: 10 failed, 11 cancelled, 12 not within the time.`;

type Define = (cli: Cli) => Command;

/** Each is loaded when it is wanted: all of them take longer to load than most take to run. */
const GROUPS: Record<string, Record<string, () => Promise<Define>>> = {
  "Server:": {
    start: async () => (await import("./commands/start.ts")).startCommand,
    open: async () => (await import("./commands/open.ts")).openCommand,
    api: async () => (await import("./commands/roles.ts")).apiCommand,
    worker: async () => (await import("./commands/worker.ts")).workerCommand,
    scheduler: async () => (await import("./commands/roles.ts")).schedulerCommand,
    maintenance: async () => (await import("./commands/roles.ts")).maintenanceCommand,
    autoscale: async () => (await import("./commands/autoscale.ts")).autoscaleCommand,
    migrate: async () => (await import("./commands/migrate.ts")).migrateCommand,
    roles: async () => (await import("./commands/database-roles.ts")).databaseRolesCommand,
    deploy: async () => (await import("./commands/deploy.ts")).deployCommand,
    retention: async () => (await import("./commands/retention.ts")).retentionCommand,
    prune: async () => (await import("./commands/prune.ts")).pruneCommand,
    doctor: async () => (await import("./commands/doctor.ts")).doctorCommand,
  },
  "Runs:": {
    run: async () => (await import("./commands/run.ts")).runCommand,
    runs: async () => (await import("./commands/runs.ts")).runsCommand,
    logs: async () => (await import("./commands/logs.ts")).logsCommand,
    explain: async () => (await import("./commands/explain.ts")).explainCommand,
    cancel: async () => (await import("./commands/cancel.ts")).cancelCommand,
    move: async () => (await import("./commands/move.ts")).moveCommand,
    rerun: async () => (await import("./commands/rerun.ts")).rerunCommand,
    fork: async () => (await import("./commands/fork.ts")).forkCommand,
    replay: async () => (await import("./commands/replay.ts")).replayCommand,
    emit: async () => (await import("./commands/emit.ts")).emitCommand,
    signal: async () => (await import("./commands/signal.ts")).signalCommand,
    query: async () => (await import("./commands/query.ts")).queryCommand,
  },
  "Operations:": {
    jobs: async () => (await import("./commands/jobs.ts")).jobsCommand,
    queues: async () => (await import("./commands/queues.ts")).queuesCommand,
    pauses: async () => (await import("./commands/pauses.ts")).pausesCommand,
    health: async () => (await import("./commands/health.ts")).healthCommand,
    top: async () => (await import("./commands/top.ts")).topCommand,
    workers: async () => (await import("./commands/workers.ts")).workersCommand,
    dead: async () => (await import("./commands/dead.ts")).deadCommand,
    doubts: async () => (await import("./commands/doubts.ts")).doubtsCommand,
    approvals: async () => (await import("./commands/approvals.ts")).approvalsCommand,
    approve: async () => (await import("./commands/approve.ts")).approveCommand,
    reject: async () => (await import("./commands/approve.ts")).rejectCommand,
    operations: async () => (await import("./commands/operations.ts")).operationsCommand,
    schedules: async () => (await import("./commands/schedules.ts")).schedulesCommand,
    projects: async () => (await import("./commands/projects.ts")).projectsCommand,
    keys: async () => (await import("./commands/keys.ts")).keysCommand,
    people: async () => (await import("./commands/people.ts")).peopleCommand,
    audit: async () => (await import("./commands/audit.ts")).auditCommand,
    erase: async () => (await import("./commands/erase.ts")).eraseCommand,
    secrets: async () => (await import("./commands/secrets.ts")).secretsCommand,
    incidents: async () => (await import("./commands/incidents.ts")).incidentsCommand,
    alerts: async () => (await import("./commands/alerts.ts")).alertsCommand,
    webhooks: async () => (await import("./commands/webhooks.ts")).webhooksCommand,
  },
};

/**
 * The commands. They throw instead of ending the process, and leave what to print of errors to their caller.
 *
 * @param argv what is to be run: a command that begins it is the only one that is there
 */
export async function buildProgram(cli: Cli, argv: readonly string[] = []): Promise<Command> {
  const program = new Command("millrace")
    .description("Run automations that finish, whatever crashes.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .addHelpText("after", HELP);
  for (const { heading, load } of wanted(argv[0])) {
    const define = await load();
    program.addCommand(define(cli).helpGroup(heading));
  }
  program.helpCommand("help [command]", "print help on a command");
  prepare(program, cli);
  return program;
}

function wanted(word: string | undefined): { heading: string; load: () => Promise<Define> }[] {
  const all = Object.entries(GROUPS).flatMap(([heading, commands]) =>
    Object.entries(commands).map(([name, load]) => ({ heading, name, load })),
  );
  const one = all.filter(({ name }) => name === word);
  return one.length > 0 ? one : all;
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

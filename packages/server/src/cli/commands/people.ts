import { MillraceError, PERSON_ROLES } from "@millrace/core";
import { ChangedPerson, InvitedPerson, type PersonInfo, PersonList } from "@millrace/core/api";
import { Argument, Command, Option } from "commander";
import { apiClient, localAddress, segment } from "../api-client.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { harmless, harmlessJson } from "../output/harmless.ts";
import { type Column, printTable } from "../output/table.ts";
import { jsonOption, severalOption } from "./options.ts";

/** Where nobody is confined, nobody is told of it. */
const PROJECTS: Column<PersonInfo> = {
  title: "PROJECTS",
  text: ({ projects }) => projects?.join(", ") ?? "all",
};

const COLUMNS: Column<PersonInfo>[] = [
  { title: "PERSON", text: ({ email }) => email },
  { title: "NAME", text: ({ name }) => name },
  {
    title: "ROLE",
    text: ({ role, roleFrom }) => (roleFrom === "claim" ? `${role}, by claim` : role),
  },
  {
    title: "STATE",
    text: ({ state }) => state,
    style: ({ state }) => (state === "active" ? undefined : "gray"),
  },
  { title: "2ND FACTOR", text: ({ secondFactor }) => (secondFactor ? "✓" : null) },
  { title: "LAST LOGIN", text: ({ loggedInAt }) => loggedInAt?.slice(0, 16) ?? null },
  { title: "BY", text: ({ createdBy }) => createdBy },
];

interface Options {
  json?: boolean;
}

interface AddOptions extends Options {
  role: string;
  name?: string;
  project?: string[];
}

export function peopleCommand(cli: Cli): Command {
  return new Command("people")
    .description("list people: who may log in, and what they may do")
    .helpCommand(false)
    .addOption(jsonOption())
    .action(cli.action((options: Options) => list(cli, options)))
    .addCommand(addCommand(cli))
    .addCommand(roleCommand(cli))
    .addCommand(confineCommand(cli))
    .addCommand(
      changeCommand(
        cli,
        "disable",
        "let a person log in no more, and end their sessions within 5 s",
      ),
    )
    .addCommand(changeCommand(cli, "enable", "let a person log in again"))
    .addCommand(resetCommand(cli))
    .addCommand(resetFactorCommand(cli));
}

async function list(cli: Cli, { json }: Options): Promise<number> {
  const { people } = await apiClient(cli).get("people", PersonList);
  if (json) for (const person of people) cli.out.line(harmlessJson({ v: 1, ...person }));
  else if (people.length === 0)
    cli.err.line("No people yet. Add one: millrace people add ADDRESS --role admin");
  else printTable(cli.out, columnsFor(people), people);
  return EXIT.done;
}

function columnsFor(people: readonly PersonInfo[]): Column<PersonInfo>[] {
  const confined = people.some(({ projects }) => projects !== null);
  return confined ? COLUMNS.toSpliced(3, 0, PROJECTS) : COLUMNS;
}

function addCommand(cli: Cli): Command {
  return new Command("add")
    .description(
      "add a person, and print the link by which they set their password: it is shown this once",
    )
    .addArgument(emailArgument())
    .addOption(
      new Option("--role <role>", "what they may do").choices(PERSON_ROLES).makeOptionMandatory(),
    )
    .option("--name <name>", "as others call them")
    .addOption(
      severalOption(
        "--project <name>",
        "to which they are confined (repeatable; default: the whole installation)",
      ),
    )
    .addOption(jsonOption())
    .action(
      cli.action(async (email: string, options: AddOptions) => {
        const { role, name, project: projects } = options;
        const body = { email, name, role, projects };
        show(cli, await apiClient(cli).post("people", body, InvitedPerson), options);
        return EXIT.done;
      }),
    );
}

function roleCommand(cli: Cli): Command {
  return new Command("role")
    .description("give a person another role, and end their sessions within 5 s")
    .addArgument(emailArgument())
    .addArgument(new Argument("<role>", "what they may do").choices(PERSON_ROLES))
    .addOption(jsonOption())
    .action(
      cli.action(async (email: string, role: string, options: Options) => {
        const path = `people/${segment(email)}`;
        const person = await apiClient(cli).patch(path, { role }, ChangedPerson);
        tell(cli, person, `${harmless(person.email)} has the role ${person.role}`, options);
        return EXIT.done;
      }),
    );
}

function confineCommand(cli: Cli): Command {
  return new Command("confine")
    .description("confine a person to projects, or to none, and end their sessions within 5 s")
    .addArgument(emailArgument())
    .argument("[projects...]", "what they may see and do is within these")
    .option("--whole", "they may see and do what their role says in the whole installation")
    .addOption(jsonOption())
    .action(
      cli.action(async (email: string, named: string[], options: Options & { whole?: true }) => {
        if (named.length > 0 === (options.whole === true)) {
          throw new MillraceError(
            "invalid_usage",
            "name projects, or say --whole; see millrace people confine --help",
          );
        }
        const path = `people/${segment(email)}`;
        const projects = options.whole ? null : named;
        const person = await apiClient(cli).patch(path, { projects }, ChangedPerson);
        const to = person.projects?.map(harmless).join(", ") ?? "nothing";
        tell(cli, person, `${harmless(person.email)} is confined to ${to}`, options);
        return EXIT.done;
      }),
    );
}

function changeCommand(cli: Cli, what: "disable" | "enable", description: string): Command {
  return new Command(what)
    .description(description)
    .addArgument(emailArgument())
    .addOption(jsonOption())
    .action(
      cli.action(async (email: string, options: Options) => {
        const path = `people/${segment(email)}/${what}`;
        const person = await apiClient(cli).post(path, {}, ChangedPerson);
        const may = what === "disable" ? "may not log in any more" : "may log in again";
        tell(cli, person, `${harmless(person.email)} ${may}`, options);
        return EXIT.done;
      }),
    );
}

function resetCommand(cli: Cli): Command {
  return new Command("reset")
    .description(
      "take a person's password away, end their sessions, and print a link to set another",
    )
    .addArgument(emailArgument())
    .addOption(jsonOption())
    .action(
      cli.action(async (email: string, options: Options) => {
        const path = `people/${segment(email)}/reset`;
        show(cli, await apiClient(cli).post(path, {}, InvitedPerson), options);
        return EXIT.done;
      }),
    );
}

function resetFactorCommand(cli: Cli): Command {
  return new Command("reset-second-factor")
    .description(
      "take a person's second factor away, when they have lost it, and end their sessions",
    )
    .addArgument(emailArgument())
    .addOption(jsonOption())
    .action(
      cli.action(async (email: string, options: Options) => {
        const path = `people/${segment(email)}/reset-second-factor`;
        const person = await apiClient(cli).post(path, {}, ChangedPerson);
        tell(cli, person, `✓ ${harmless(person.email)} has no second factor any more`, options);
        return EXIT.done;
      }),
    );
}

function emailArgument(): Argument {
  return new Argument("<address>", "their e-mail address");
}

function tell(cli: Cli, person: ChangedPerson, sentence: string, { json }: Options): void {
  if (json) cli.out.line(harmlessJson({ v: 1, ...person }));
  else cli.out.line(sentence);
  if (person.admins > 0) return;
  cli.warn("no admin is left who can log in; the server's own key may still do everything");
}

/** The link alone on its line, so that a script can take it. */
function show(cli: Cli, person: InvitedPerson, { json }: Options): void {
  if (json) {
    cli.out.line(harmlessJson({ v: 1, ...person }));
    return;
  }
  const { email, role, setupUntil, setupCode, setupLink } = person;
  cli.err.line(
    `${harmless(email)}, of the role ${role}, sets a password here until ${setupUntil}. The link works once, and is shown this once:`,
  );
  cli.out.line(setupLink ?? `${serverAddress(cli)}/set-password?code=${setupCode}`);
}

/** Where this command has found the server, which does not know its own address. */
function serverAddress(cli: Cli): string {
  const settings = cli.settings();
  return (settings.url ?? localAddress(settings)).replace(/\/+$/, "");
}

import { ALERT_KINDS, type AlertKind, type AlertState, isAlertKind } from "@millrace/core";
import { failpoint } from "../../runtime/failpoints.ts";
import {
  type RecipientRow,
  alertRecipients,
  insertNotification,
  pruneGroups,
  putGroup,
  readGroups,
  supersedeNotifications,
} from "../../store/alert-notifications.ts";
import { type AlertSilenceRow, listAlertSilences } from "../../store/alert-silences.ts";
import {
  type AlertItem,
  type AlertRow,
  dropAlerts,
  endRound,
  ensureRound,
  openAlerts,
  putAlerts,
  readAlerts,
  takeRound,
} from "../../store/alerts.ts";
import { type Database, inSavepoint, inTransaction } from "../../store/database.ts";
import type { Queryable } from "../../store/statement.ts";
import { insertDelivery } from "../../store/webhook-deliveries.ts";
import { advance } from "./advance.ts";
import { type EffectiveRule, allRules } from "./effective-rule.ts";
import { Facts } from "./facts.ts";
import { noticeOf } from "./notice.ts";
import { type Observation, observe } from "./observe.ts";
import { concerns, silences, toTell } from "./telling.ts";

/** What is looked at for one rule may take so long: whatever takes longer says more about the database than its answer would. */
const PATIENCE = "set local statement_timeout = '5s'";

/** A group of whom nobody has been told anything for so long, and nothing fires, is forgotten. */
const GROUP_KEPT_MS = 3_600_000;

export interface EvaluateOptions {
  /** How long until the next round. */
  everyMs: number;
  /** The address that people have for the server, for links. */
  publicUrl?: string | undefined;
  /** Default: by the database's clock. */
  now?: Date;
}

/** An alert that is otherwise than it was. */
export interface Turn {
  readonly from: AlertState | null;
  readonly alert: AlertRow;
}

/** What a round has come to. */
export interface Round {
  readonly turns: Turn[];
  /** How many notifications it has written. */
  readonly told: number;
  /** Rules that could not be looked at, which are as they were, and why. */
  readonly failed: { rule: string; error: unknown }[];
}

/**
 * Looks at what every rule is about, takes the alerts on, and writes down who is to be told of what: in one transaction, which holds the round's
 * row. Who dies in it has done nothing; who comes while another is at it does nothing.
 *
 * @returns undefined when no round is due, or another has it
 */
export function evaluateAlerts(
  db: Database,
  { everyMs, publicUrl, now: given }: EvaluateOptions,
): Promise<Round | undefined> {
  return inTransaction(db, async (tx) => {
    await ensureRound(tx);
    const [round] = await takeRound(tx, given ?? null);
    if (!round) return undefined;
    const { now } = round;
    const rules = (await allRules(tx, null)).filter(({ enabled }) => enabled);
    const { seen, failed } = await look(tx, rules, now);
    const { turns, firing } = await takeOn(tx, rules, seen, now);
    const told = await tell(tx, rules, firing, { now, publicUrl });
    await endRound(tx, now, everyMs);
    failpoint("alerts.before_commit");
    return { turns, told, failed };
  });
}

type Seen = Map<string, Observation[]>;

async function look(
  tx: Queryable,
  rules: readonly EffectiveRule[],
  now: Date,
): Promise<{ seen: Seen; failed: Round["failed"] }> {
  const facts = new Facts(tx, now);
  const seen: Seen = new Map();
  const failed: Round["failed"] = [];
  for (const rule of rules) {
    try {
      const observed = await inSavepoint(tx, async () => {
        await tx.query({ text: PATIENCE });
        return observe(facts, rule);
      });
      seen.set(rule.name, observed);
    } catch (error) {
      failed.push({ rule: rule.name, error });
    }
  }
  return { seen, failed };
}

/** Rules that could not be looked at keep their alerts as they are. */
async function takeOn(
  tx: Queryable,
  rules: readonly EffectiveRule[],
  seen: Seen,
  now: Date,
): Promise<{ turns: Turn[]; firing: AlertRow[] }> {
  const open = new Map((await openAlerts(tx)).filter(isKnown).map((alert) => [alert.id, alert]));
  const byRule = new Map<string, AlertRow[]>();
  for (const alert of open.values()) {
    byRule.set(alert.rule, [...(byRule.get(alert.rule) ?? []), alert]);
  }
  const known = new Map(rules.map((rule) => [rule.name, rule]));
  const put: AlertItem[] = [];
  const drop: string[] = [];
  for (const name of new Set([...known.keys(), ...byRule.keys()])) {
    const rule = known.get(name);
    const observed = seen.get(name);
    if (rule && !observed) continue;
    const advanced = advance(rule, byRule.get(name) ?? [], observed ?? [], now);
    put.push(...advanced.put);
    drop.push(...advanced.drop);
  }
  if (drop.length > 0) await dropAlerts(tx, drop);
  const written = put.length > 0 ? await putAlerts(tx, JSON.stringify(put)) : [];
  const turns = written
    .map((alert): Turn => ({ from: open.get(alert.id)?.state ?? null, alert }))
    .filter(({ from, alert }) => from !== alert.state);
  const after = new Map([
    ...open,
    ...written.map((alert): [string, AlertRow] => [alert.id, alert]),
  ]);
  for (const id of drop) after.delete(id);
  return { turns, firing: [...after.values()].filter(({ state }) => state === "firing") };
}

async function tell(
  tx: Queryable,
  rules: readonly EffectiveRule[],
  firing: readonly AlertRow[],
  { now, publicUrl }: { now: Date; publicUrl: string | undefined },
): Promise<number> {
  const recipients = await alertRecipients(tx);
  const ids = recipients.map(recipientId);
  await pruneGroups(tx, new Date(now.getTime() - GROUP_KEPT_MS), ids);
  if (recipients.length === 0) return 0;
  const groups = await readGroups(tx);
  const fires = new Set(firing.map(({ id }) => id));
  const gone = [...new Set(groups.flatMap(({ told }) => told))].filter((id) => !fires.has(id));
  if (firing.length + gone.length === 0) return 0;
  const ended = gone.length > 0 ? (await readAlerts(tx, gone)).filter(isKnown) : [];
  const quiet = await listAlertSilences(tx, now, null);
  const names = new Set([...firing, ...ended].map(({ rule }) => rule));
  let told = 0;
  for (const recipient of recipients) {
    for (const name of names) {
      const known = rules.find((rule) => rule.name === name);
      told += await tellOne(tx, recipient, name, known, {
        groups,
        firing,
        ended,
        quiet,
        now,
        publicUrl,
      });
    }
  }
  return told;
}

interface Moment {
  groups: readonly { recipient: string; rule: string; told: string[]; told_at: Date }[];
  firing: readonly AlertRow[];
  ended: readonly AlertRow[];
  quiet: readonly AlertSilenceRow[];
  now: Date;
  publicUrl: string | undefined;
}

/** @returns how many notifications were written */
async function tellOne(
  tx: Queryable,
  recipient: RecipientRow,
  name: string,
  rule: EffectiveRule | undefined,
  { groups, firing, ended, quiet, now, publicUrl }: Moment,
): Promise<number> {
  const id = recipientId(recipient);
  const group = groups.find((one) => one.recipient === id && one.rule === name);
  const mine = firing.filter((alert) => alert.rule === name && isFor(recipient, alert));
  const over = ended.filter((alert) => alert.rule === name && group?.told.includes(alert.id));
  const isSilenced = (alert: AlertRow) => quiet.some((silence) => silences(silence, alert));
  const telling = toTell(group, mine, over, isSilenced, now);
  if (!telling) return 0;
  await putGroup(tx, id, name, [...telling.told], now);
  const about = rule ?? ruleOf([...telling.firing, ...telling.resolved][0]!);
  const notice = noticeOf(about, telling, publicUrl);
  if (recipient.kind === "target") {
    await supersedeNotifications(tx, recipient.name, name);
    const event = notice.firing.length > 0 ? "alert.firing" : "alert.resolved";
    await insertNotification(tx, recipient.name, name, event, JSON.stringify(notice));
    return 1;
  }
  let written = 0;
  for (const event of ["alert.firing", "alert.resolved"] as const) {
    const alerts = event === "alert.firing" ? notice.firing : notice.resolved;
    if (alerts.length === 0 || !recipient.events.includes(event)) continue;
    const { firing: _firing, resolved: _resolved, ...rest } = notice;
    const data = { ...rest, alerts };
    const body = JSON.stringify({ type: event, timestamp: now.toISOString(), data });
    await insertDelivery(tx, recipient.name, event, body);
    written++;
  }
  return written;
}

function isFor(recipient: RecipientRow, alert: AlertRow): boolean {
  const about = ruleOf(alert).kind;
  return concerns(recipient, alert, ALERT_KINDS[about].about);
}

/** One of a kind that a later version has is left to that. */
function isKnown({ kind }: AlertRow): boolean {
  return isAlertKind(kind);
}

/** Of a rule that is gone, its alerts say what it was. */
function ruleOf({
  rule,
  kind,
  severity,
}: AlertRow): Pick<EffectiveRule, "name" | "kind" | "windowMs" | "severity"> {
  const known = kind as EffectiveRule["kind"];
  const { windowMs }: AlertKind = ALERT_KINDS[known];
  return { name: rule, kind: known, windowMs, severity };
}

function recipientId({ kind, name }: RecipientRow): string {
  return `${kind} ${name}`;
}

import type { Severity } from "@millrace/core";
import { type Notice, type NoticedAlert, longSummary } from "./notice.ts";

const COLOURS: Readonly<Record<Severity, string>> = {
  critical: "#b3261e",
  warning: "#c77700",
  info: "#3b6ea5",
};
const RESOLVED = "#2e7d32";

/** As Slack's incoming webhooks take it, and those of Mattermost, Rocket.Chat and others that take the same. */
export function slackMessage(notice: Notice, now: Date): object {
  const { firing, resolved, more, explanation, whatToDo, docs } = notice;
  return {
    text: escaped(headline(notice)),
    attachments: [
      ...firing.map((alert) => attachment(alert, COLOURS[alert.severity], now)),
      ...resolved.map((alert) => attachment(alert, RESOLVED, now)),
      ...(firing.length > 0
        ? [{ text: escaped(`${explanation} ${whatToDo}`), footer: escaped(docs) }]
        : []),
      ...(more > 0 ? [{ text: `and ${more} more` }] : []),
    ],
  };
}

/** In one line: what fires, or that it is over. */
export function headline({ rule, severity, firing, resolved }: Notice): string {
  if (firing.length === 0) return `Resolved: ${rule}${listed(resolved)}`;
  return `${severity}: ${rule}${listed(firing)}`;
}

function listed(alerts: readonly NoticedAlert[]): string {
  return alerts.length === 1 ? `: ${alerts[0]!.summary}` : ` (${alerts.length})`;
}

function attachment(alert: NoticedAlert, color: string, now: Date): object {
  const text = longSummary(alert, now);
  return {
    color,
    fallback: escaped(text),
    text: escaped(alert.resolvedAt === null ? text : `Resolved: ${text}`),
    ...(alert.link !== null && { title: escaped(alert.summary), title_link: alert.link }),
    ts: Math.floor(Date.parse(alert.since) / 1000),
  };
}

/** Names come from others: what Slack would take for a link or a mention is text. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

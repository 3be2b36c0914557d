import { type Notice, type NoticedAlert, longSummary } from "./notice.ts";
import { headline } from "./render-slack.ts";

/** A mail of nothing but text. */
export interface Mail {
  readonly subject: string;
  readonly text: string;
}

const MAX_SUBJECT = 200;

export function mailOf(notice: Notice, now: Date): Mail {
  const { firing, resolved, more, explanation, whatToDo, docs } = notice;
  const lines = [
    ...part("Firing", firing, now),
    ...part("Resolved", resolved, now),
    ...(more > 0 ? [`and ${more} more`, ""] : []),
    ...(firing.length > 0 ? [explanation, whatToDo, ""] : []),
    docs,
  ];
  return {
    subject: `[millrace] ${headline(notice)}`.slice(0, MAX_SUBJECT),
    text: `${lines.join("\n")}\n`,
  };
}

function part(title: string, alerts: readonly NoticedAlert[], now: Date): string[] {
  if (alerts.length === 0) return [];
  return [
    `${title}:`,
    ...alerts.flatMap((alert) => [
      `- ${longSummary(alert, now)}, since ${alert.since}`,
      ...(alert.link === null ? [] : [`  ${alert.link}`]),
    ]),
    "",
  ];
}

import { createHash } from "node:crypto";
import { type Notice, longSummary } from "./notice.ts";
import { headline } from "./render-slack.ts";

/** What PagerDuty takes of a summary. */
const MAX_SUMMARY = 1024;

/**
 * An event of PagerDuty's Events API v2: one incident for a rule and target, however many alerts it has, which is resolved with the last of them.
 *
 * @param routingKey of the integration, which is a secret
 */
export function pagerDutyEvent(
  notice: Notice,
  { routingKey, target, now }: { routingKey: string; target: string; now: Date },
): object {
  const { rule, severity, firing, resolved, explanation, whatToDo, docs, more } = notice;
  const open = firing.length > 0;
  const about = [...firing, ...resolved];
  const links = about.flatMap(({ link, summary }) =>
    link === null ? [] : [{ href: link, text: summary }],
  );
  return {
    routing_key: routingKey,
    event_action: open ? "trigger" : "resolve",
    dedup_key: dedupKey(target, rule),
    client: "Millrace",
    ...(links[0] && { client_url: links[0].href, links }),
    payload: {
      summary: headline(notice).slice(0, MAX_SUMMARY),
      source: "millrace",
      severity,
      timestamp: about[0]?.since ?? now.toISOString(),
      component: about[0]?.subject || "millrace",
      group: rule,
      class: notice.kind,
      custom_details: {
        explanation,
        what_to_do: whatToDo,
        docs,
        firing: firing.map((alert) => longSummary(alert, now)),
        resolved: resolved.map((alert) => longSummary(alert, now)),
        ...(more > 0 && { more }),
      },
    },
  };
}

/** The same for all that is told of a rule to a target, in 255 characters. */
function dedupKey(target: string, rule: string): string {
  const digest = createHash("sha256").update(`${target}\n${rule}`).digest("hex").slice(0, 32);
  return `millrace-${digest}`;
}

import type { Notice } from "./notice.ts";

/** What a target is told that somebody tries. */
export function testNotice(by: string): Notice {
  const now = new Date().toISOString();
  return {
    ...{ rule: "test", kind: "oldest-wait", severity: "info" },
    explanation: "Nothing is wrong: this shows that notifications arrive.",
    whatToDo: "Nothing.",
    docs: "docs/alerts.md#targets",
    firing: [
      {
        ...{ id: "00000000-0000-0000-0000-000000000000", severity: "info", project: null },
        summary: `${by} tries whether alerts of Millrace arrive here`,
        ...{ about: "installation", subject: "", value: 0, threshold: 0 },
        ...{ valueText: "0", thresholdText: "0", detail: null },
        ...{ since: now, firedAt: now, resolvedAt: null, link: null },
      },
    ],
    resolved: [],
    more: 0,
  };
}

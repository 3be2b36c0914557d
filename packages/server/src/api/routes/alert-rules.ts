import { durationMs } from "@millrace/core";
import { AlertRuleInfo, AlertRuleList, Name, SetAlertRule } from "@millrace/core/api";
import { z } from "zod";
import { removeAlertRule, setAlertRule } from "../../engine/alerts/rules.ts";
import { type EffectiveRule, allRules } from "../../engine/alerts/effective-rule.ts";
import { withoutSubject } from "../../engine/alerts/without-subject.ts";
import { presentAlertRule } from "../present/alert.ts";
import { type Api, type Context, NoQuery } from "../route.ts";

const ByName = z.strictObject({ name: Name });

export function alertRuleRoutes(app: Api, { db }: Context): void {
  const presented = async (rules: readonly EffectiveRule[]): Promise<AlertRuleInfo[]> => {
    const missing = await withoutSubject(db, rules);
    return rules.map((rule) => presentAlertRule(rule, missing.has(rule)));
  };

  app.get(
    "/api/v1/alert-rules",
    {
      schema: {
        tags: ["alerts"],
        operationId: "listAlertRules",
        permission: "read",
        scope: "own",
        summary: "List alert rules, those that were there from the beginning first",
        description: "Who is confined to projects sees the rules of those.",
        querystring: NoQuery,
        response: { 200: AlertRuleList },
      },
    },
    async ({ caller: { projects } }) => ({
      rules: await presented(await allRules(db, projects)),
    }),
  );

  app.put(
    "/api/v1/alert-rules/:name",
    {
      schema: {
        tags: ["alerts"],
        operationId: "setAlertRule",
        permission: "administer",
        scope: "own",
        summary: "Make an alert rule, or change one",
        description:
          "Answers 201 when it was made. What is left out stays as it was; what is null is as the rule's kind has it. A subject may be one that is not there yet; `subjectMissing` says so. It holds from the next round on, within 15 s.",
        params: ByName,
        querystring: NoQuery,
        body: SetAlertRule,
        response: { 200: AlertRuleInfo, 201: AlertRuleInfo },
        problems: ["project_not_found", "name_taken"],
      },
    },
    async ({ params, body, caller }, reply) => {
      const { kind, subject, threshold, severity, enabled, project } = body;
      const forMs = typeof body.for === "string" ? durationMs(body.for, "for") : body.for;
      const windowMs =
        typeof body.window === "string" ? durationMs(body.window, "window") : body.window;
      const { rule, created } = await setAlertRule(db, caller, params.name, {
        ...{ kind, subject, threshold, forMs, windowMs, severity, enabled, project },
      });
      const [set] = await presented([rule]);
      return reply.code(created ? 201 : 200).send(set!);
    },
  );

  app.delete(
    "/api/v1/alert-rules/:name",
    {
      schema: {
        tags: ["alerts"],
        operationId: "removeAlertRule",
        permission: "administer",
        scope: { alertRule: "name" },
        summary: "Remove an alert rule, or reset one that was there from the beginning",
        params: ByName,
        querystring: NoQuery,
        response: { 200: AlertRuleInfo },
        problems: ["alert_rule_not_found"],
      },
    },
    async ({ params, caller }) => {
      const [rule] = await presented([await removeAlertRule(db, caller, params.name)]);
      return rule!;
    },
  );
}

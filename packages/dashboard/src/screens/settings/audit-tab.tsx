import type { AuditEntry, AuditPage } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { writeJson } from "../../data/write-json.ts";
import { Empty } from "../../parts/conditions.tsx";
import { Pages } from "../../parts/pages.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { Ago } from "../../parts/time.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import { AuditVerify } from "./audit-verify.tsx";
import { ForAdmins } from "./for-admins.tsx";

const FILTERS = ["actor", "action", "object"] as const;

/** Who has done what, to what, and what it was before. */
export function AuditTab() {
  return <ForAdmins what="The audit log">{() => <Audit />}</ForAdmins>;
}

function Audit() {
  const { query } = place.value;
  const asked = new URLSearchParams({ limit: "50" });
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value) asked.set(name, value);
  }
  const path = `/api/v1/audit?${asked}`;
  return (
    <>
      <AuditFilter key={asked.toString()} />
      <AuditVerify />
      <Pages<AuditPage>
        key={path}
        what="the audit log"
        pathOf={(cursor) => (cursor ? `${path}&cursor=${cursor}` : path)}
        next={(page) => page.nextCursor}
      >
        {({ entries }, isFirst) =>
          entries.length === 0 && isFirst ? (
            <Empty title="Nothing of that kind is on record" />
          ) : (
            <ul class="entries">
              {entries.map((entry) => (
                <Entry key={entry.seq} entry={entry} />
              ))}
            </ul>
          )
        }
      </Pages>
    </>
  );
}

function AuditFilter() {
  const { query } = place.value;
  const [actor, setActor] = useState(query.get("actor") ?? "");
  const [action, setAction] = useState(query.get("action") ?? "");
  const [object, setObject] = useState(query.get("object") ?? "");
  return (
    <form
      class="tools filter"
      onSubmit={(event) => {
        event.preventDefault();
        go(
          withQuery({ actor: actor.trim(), action: action.trim(), object: object.trim() }),
          "replace",
        );
      }}
    >
      <TextField
        label="Who"
        hint="Such as person:ana@example.com"
        value={actor}
        onChange={setActor}
        maxLength={300}
      />
      <TextField
        label="Did what"
        hint="Such as key.revoked"
        value={action}
        onChange={setAction}
        maxLength={100}
      />
      <TextField
        label="To what"
        hint="Such as schedule:report"
        value={object}
        onChange={setObject}
        maxLength={300}
      />
      <button type="submit">Filter</button>
    </form>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  const { seq, at, actor, role, address, request, action, object, before, after } = entry;
  const changes = changesOf(before, after);
  return (
    <li>
      <div class="entry-main">
        <a class="entry-name" href={withQuery({ action })}>
          {action}
        </a>{" "}
        <a href={withQuery({ object })}>{object}</a>
        <p class="muted">
          <a href={withQuery({ actor })}>{actor.replace(/^person:/, "")}</a>
          {role !== null && `, ${role}`}
          {address !== null && ` · from ${address}`}
          {request !== null && ` · request ${request}`} · no. {seq}
        </p>
        {changes.length > 0 && (
          <ul class="changes inline">
            {changes.map(([name, was, is]) => (
              <li key={name}>
                <code>{name}</code>{" "}
                {was !== undefined && (
                  <>
                    <del>{writeJson(was)}</del>{" "}
                  </>
                )}
                {is !== undefined && <ins>{writeJson(is)}</ins>}
              </li>
            ))}
          </ul>
        )}
      </div>
      <div class="entry-side">
        <Ago at={at} />
      </div>
    </li>
  );
}

/** The entry itself says who and when. */
const KEPT_BESIDE = new Set(["changed_at", "changed_by", "created_at", "created_by"]);

/** What was otherwise before, by name; all of it where it is no object. */
function changesOf(before: unknown, after: unknown): [name: string, was: unknown, is: unknown][] {
  const [was, is] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  return names
    .filter((name) => !KEPT_BESIDE.has(name) && writeJson(was[name]) !== writeJson(is[name]))
    .map((name) => [name, was[name], is[name]]);
}

function fieldsOf(part: unknown): Record<string, unknown> {
  if (part === null || part === undefined) return {};
  return typeof part === "object" && !Array.isArray(part)
    ? (part as Record<string, unknown>)
    : { value: part };
}

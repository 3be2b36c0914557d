import type { Checkup, Finding } from "@millrace/core/api";
import { useIdentity, useRefusal } from "../../data/identity.ts";
import { useResource } from "../../data/resource.ts";
import { Icon } from "../../design/icon.tsx";
import { Given, Loading } from "../../parts/conditions.tsx";
import { CopyButton } from "../../parts/copy-button.tsx";
import { lengthInWords } from "../../parts/length-in-words.ts";
import { Ago } from "../../parts/time.tsx";
import { Words } from "../../parts/words.tsx";
import { commandIn } from "./command-in.ts";
import "./system.css";

const PATH = "/api/v1/doctor";

/** The server looks at much: who leaves this open sees it now and then, and whoever wants it now asks. */
const LOOK_EVERY_MS = 30_000;

/** What `millrace doctor` says. Nobody but admins is told, and nobody else's page asks. */
export function CheckupSection() {
  const me = useIdentity();
  const refusal = useRefusal("administer");
  return (
    <section class="section">
      <h2>What the doctor sees</h2>
      {!me && <Loading what="what the doctor sees" rows={8} />}
      {me && refusal === undefined && <Findings />}
      {refusal !== undefined && <p class="muted">It is told to admins. {refusal}</p>}
    </section>
  );
}

function Findings() {
  const shown = useResource<Checkup>(PATH, { everyMs: LOOK_EVERY_MS });
  return (
    <Given shown={shown} what="what the doctor sees" rows={8}>
      {({ at, tookMs, findings }) => (
        <>
          <p class="row above">
            <span>
              {inNumbers(findings)}{" "}
              <span class="muted">
                Looked <Ago at={at} />, which took {lengthInWords(tookMs)}.
              </span>
            </span>
            <button type="button" onClick={shown.reload}>
              Look again
            </button>
          </p>
          <ul class="entries findings">
            {ORDER.flatMap((level) =>
              findings
                .filter((finding) => finding.level === level)
                .map((finding, index) => <FindingEntry key={`${level}${index}`} {...finding} />),
            )}
          </ul>
        </>
      )}
    </Given>
  );
}

const ORDER = ["bad", "warn", "ok"] as const;

const LEVELS = {
  bad: { token: "failed", shape: "failed", word: "Failed" },
  warn: { token: "retrying", shape: "warning", word: "Warning" },
  ok: { token: "succeeded", shape: "completed", word: "Well" },
} as const;

function inNumbers(findings: readonly Finding[]): string {
  const of = (level: Finding["level"]) => findings.filter((each) => each.level === level).length;
  const parts = [
    of("bad") > 0 && `${of("bad")} failed`,
    of("warn") > 0 && `${of("warn")} to look at`,
    `${of("ok")} well`,
  ].filter(Boolean);
  return `${parts.join(", ")}.`;
}

function FindingEntry({ check, level, text, fix }: Finding) {
  const { token, shape, word } = LEVELS[level];
  return (
    <li>
      <span class={`state state-${token} finding-level`}>
        <Icon name={shape} /> {word}
      </span>
      <div class="entry-main">
        <strong>{check}</strong> <Words text={text} />
        {fix && (
          <div class="finding-fix">
            <span class="muted">Fix:</span> <Words text={fix} />
            <CopyButton text={commandIn(fix) ?? fix} what={`fix of ${check}`} />
          </div>
        )}
      </div>
    </li>
  );
}

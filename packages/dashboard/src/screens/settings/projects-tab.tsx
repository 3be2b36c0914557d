import type { ProjectInfo } from "@millrace/core/api";
import { useState } from "preact/hooks";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActDialog, counted, useOnceKey } from "../../parts/act-dialog.tsx";
import { ActionButton } from "../../parts/action-button.tsx";
import { Given } from "../../parts/conditions.tsx";
import { TextField } from "../../parts/text-field.tsx";
import { Ago } from "../../parts/time.tsx";
import { toast } from "../../parts/toast.tsx";

const PATH = "/api/v1/projects";
const CHANGES = [PATH, "/api/v1/audit"];

/** Projects: what belongs to each, and to which people and keys are confined. */
export function ProjectsTab() {
  const shown = useResource<{ projects: ProjectInfo[] }>(PATH);
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<ProjectInfo>();
  return (
    <>
      <div class="tools">
        <p class="muted">
          Who is confined to a project sees nothing of the others. Jobs are moved by{" "}
          <code>millrace projects move</code>.
        </p>
        <div class="row">
          <ActionButton permission="administer" kind="primary" onPress={() => setAdding(true)}>
            Add a project
          </ActionButton>
        </div>
      </div>
      <Given shown={shown} what="projects">
        {({ projects }) => (
          <ul class="entries">
            {projects.map((project) => (
              <ProjectEntry
                key={project.name}
                project={project}
                onRemove={() => setRemoving(project)}
              />
            ))}
          </ul>
        )}
      </Given>
      {adding && <AddDialog onClose={() => setAdding(false)} />}
      {removing && (
        <ActDialog
          title={`Remove ${removing.name}`}
          verb="Remove 1 project"
          kind="danger"
          permission="administer"
          typed={removing.name}
          onClose={() => setRemoving(undefined)}
          run={() =>
            act(`${PATH}/${encodeURIComponent(removing.name)}`, { method: "DELETE" }, CHANGES)
          }
          onDone={() => toast(`${removing.name} is removed`)}
        >
          <p>Nothing belongs to it any more, so nothing is lost.</p>
        </ActDialog>
      )}
    </>
  );
}

function ProjectEntry({ project, onRemove }: { project: ProjectInfo; onRemove: () => void }) {
  const { name, createdAt, createdBy, jobs, queues, secrets, webhooks } = project;
  const holds = jobs + queues + secrets + webhooks;
  return (
    <li>
      <div class="entry-main">
        <span class="entry-name">{name}</span>
        <p class="muted">
          {counted(jobs, "job")} · {counted(queues, "queue")} · {counted(secrets, "secret")} ·{" "}
          {counted(webhooks, "webhook")} · by {createdBy.replace(/^person:/, "")}{" "}
          <Ago at={createdAt} />
        </p>
      </div>
      <div class="entry-acts">
        <ActionButton
          permission="administer"
          kind="danger"
          why={
            name === "default"
              ? "It has what nobody has put elsewhere"
              : holds > 0
                ? "Move first what belongs to it"
                : undefined
          }
          onPress={onRemove}
        >
          Remove…
        </ActionButton>
      </div>
    </li>
  );
}

function AddDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const body = { name: name.trim() };
  const idempotencyKey = useOnceKey(body);
  return (
    <ActDialog<ProjectInfo>
      title="Add a project"
      verb="Add it"
      permission="administer"
      why={body.name === "" ? "Give it a name" : undefined}
      onClose={onClose}
      run={() => act(PATH, { body, idempotencyKey }, CHANGES)}
      onDone={(made) => toast(`${made.name} is there`)}
    >
      <TextField label="Name" maxLength={100} value={name} onChange={setName} />
    </ActDialog>
  );
}

import type { AcceptedRun, JobInfo } from "@millrace/core/api";
import { act } from "../../data/act.ts";
import { useResource } from "../../data/resource.ts";
import { ActionButton } from "../../parts/action-button.tsx";
import { Empty } from "../../parts/conditions.tsx";
import { toast } from "../../parts/toast.tsx";
import { go } from "../../routing/router.ts";

/** So many jobs are proposed. */
const MOST = 8;

/** What somebody sees where nothing has run yet: jobs that can be run as they are, so that there is something to look at. */
export function Welcome() {
  const { data } = useResource<{ jobs: JobInfo[] }>("/api/v1/jobs", { everyMs: 0 });
  if (!data) return null;
  const ready = data.jobs.filter(takesNothing).slice(0, MOST);
  if (ready.length === 0) {
    return (
      <Empty title="Nothing has run yet" command="millrace start --jobs src/jobs">
        <p>
          Once a worker has jobs, whatever asks for a run makes one: the API, a schedule, another
          run.
        </p>
      </Empty>
    );
  }
  return (
    <section class="empty welcome">
      <h2>Nothing has run yet</h2>
      <p>
        These jobs need no input. Run one, and see what becomes of it; one that fails tells why.
      </p>
      <ul>
        {ready.map((job) => (
          <li key={job.name}>
            <ActionButton permission="start" onPress={() => void run(job)}>
              Run {job.name}
            </ActionButton>
            <span class="muted">{job.description}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

async function run({ name }: JobInfo): Promise<void> {
  const question = { body: { job: name }, idempotencyKey: crypto.randomUUID() };
  const result = await act<AcceptedRun>("/api/v1/runs", question, ["/api/v1/"]);
  if (result.ok) go(`/runs/${result.data.id}`);
  else toast(result.trouble.detail, "bad");
}

/** As far as its schema tells; the server looks again. */
function takesNothing({ inputSchema }: JobInfo): boolean {
  const { required } = (inputSchema ?? {}) as { required?: unknown };
  return !Array.isArray(required) || required.length === 0;
}

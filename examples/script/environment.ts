/** What a program needs to find others, its home, its language and its clock; nothing that is secret here. */
const ALWAYS = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/**
 * The environment of a script: a few harmless variables, those that the operator lists in `SCRIPT_ENV_ALLOW` (by comma),
 * and what tells it which run it is. The worker's own, such as `DATABASE_URL`, stays here.
 */
export function environmentFor(run: {
  runId: string;
  attempt: number;
  idempotencyKey: string;
}): Record<string, string> {
  const listed = (process.env.SCRIPT_ENV_ALLOW ?? "").split(",").map((name) => name.trim());
  const environment: Record<string, string> = {};
  for (const name of [...ALWAYS, ...listed]) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  environment.MILLRACE_RUN_ID = run.runId;
  environment.MILLRACE_ATTEMPT = String(run.attempt);
  environment.MILLRACE_IDEMPOTENCY_KEY = run.idempotencyKey;
  return environment;
}

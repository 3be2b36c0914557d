// For HEALTHCHECK: whether this container's process says that it is well, on the port for probes.
const port = process.env.MILLRACE_PROBE_PORT;
const answer = await fetch(`http://127.0.0.1:${port}/healthz`, {
  signal: AbortSignal.timeout(5000),
});
if (!answer.ok) {
  console.error(await answer.text());
  process.exitCode = 1;
}

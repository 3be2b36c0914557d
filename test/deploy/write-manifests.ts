import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cannotRender, renderChart } from "./render-chart.ts";

// npx jiti test/deploy/write-manifests.ts: the plain manifests are the chart, rendered with these values.

export const PLAIN = join(import.meta.dirname, "../../deploy/kubernetes/millrace.yaml");

const HEAD = `# The chart of deploy/helm/millrace for those who do not use Helm, written by test/deploy/write-manifests.ts.
# Put your image in place of millrace:0.1.0, and read docs/deploy.md: the Secret comes first, then the Job.
`;

const WORKER = {
  name: "default",
  queues: "",
  concurrency: 20,
  drainSeconds: 60,
  replicas: 2,
  resources: { requests: { cpu: "500m", memory: "512Mi" }, limits: { cpu: "1", memory: "1Gi" } },
  keda: { enabled: true, minReplicas: 1, maxReplicas: 20 },
};

export async function plainManifests(): Promise<string> {
  const text = await renderChart({ workers: [WORKER] });
  return `${HEAD}${text.replaceAll("Helm", "kubectl").replaceAll(/^\s*#(?! All).*\n/gm, "")}`;
}

if (process.argv[1] === import.meta.filename) {
  if (cannotRender) throw new Error(cannotRender);
  writeFileSync(PLAIN, await plainManifests());
}

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Manifest, readManifests, validate } from "./manifests.ts";
import { cannotRender, renderChart } from "./render-chart.ts";
import { PLAIN, plainManifests } from "./write-manifests.ts";

const manifests = readManifests(readFileSync(PLAIN, "utf8"));

const ofKind = (kind: string, all = manifests) => all.filter((each) => each.kind === kind);

/** What every pod must be, whoever rendered it. */
function expectSafePods(all: readonly Manifest[]): void {
  const owners = all.filter(({ spec }) => spec?.template);
  expect(owners.length).toBeGreaterThanOrEqual(5);
  for (const { kind, metadata, spec } of owners) {
    const pod = spec.template.spec;
    const name = `${kind} ${metadata.name}`;
    expect(pod.automountServiceAccountToken, name).toBe(false);
    expect(pod.securityContext, name).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: "RuntimeDefault" },
    });
    for (const forbidden of ["hostNetwork", "hostPID", "hostIPC"]) {
      expect(pod[forbidden], name).toBeUndefined();
    }
    expect(pod.volumes.filter((volume: object) => "hostPath" in volume)).toEqual([]);
    for (const container of pod.containers) {
      expect(container.securityContext, name).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(Object.keys(container.resources.limits).sort(), name).toEqual(["cpu", "memory"]);
      expect(Object.keys(container.resources.requests).sort(), name).toEqual(["cpu", "memory"]);
      for (const { name: variable, value } of container.env) {
        const secret = /KEY|PASSWORD|SECRET|URL|TRANSPORT/.test(variable);
        if (secret) expect(value, `${name} ${variable}`).toBeUndefined();
      }
    }
  }
}

function expectProbes(all: readonly Manifest[]): void {
  for (const { metadata, spec } of ofKind("Deployment", [...all])) {
    for (const container of spec.template.spec.containers) {
      expect(container.startupProbe.httpGet, metadata.name).toMatchObject({ path: "/readyz" });
      expect(container.readinessProbe.httpGet, metadata.name).toMatchObject({ path: "/readyz" });
      // A database that is away makes none ready, and starting them anew would not help.
      expect(container.livenessProbe.httpGet, metadata.name).toMatchObject({ path: "/healthz" });
      // A machine that is slow for half a minute condemns nobody.
      const { periodSeconds, failureThreshold } = container.livenessProbe;
      expect(periodSeconds * failureThreshold, metadata.name).toBeGreaterThanOrEqual(60);
      expect(container.ports).toContainEqual({ name: "probes", containerPort: 9464 });
    }
  }
}

/** The five seconds that aborted handlers have, what handing back takes, and what comes before the signal. */
const AFTER_DRAIN_SECONDS = 20;

function expectPatience(all: readonly Manifest[]): void {
  const workers = ofKind("Deployment", [...all]).filter(({ spec }) =>
    spec.template.spec.containers[0].args.includes("worker"),
  );
  expect(workers.length).toBeGreaterThan(0);
  for (const { metadata, spec } of workers) {
    const pod = spec.template.spec;
    const drain = pod.containers[0].env.find(
      (each: { name: string }) => each.name === "MILLRACE_DRAIN",
    );
    const seconds = Number(/^(\d+)s$/.exec(drain.value)?.[1]);
    expect(pod.terminationGracePeriodSeconds, metadata.name).toBeGreaterThanOrEqual(
      seconds + AFTER_DRAIN_SECONDS,
    );
  }
}

test("every plain manifest is of the schema of its kind", () => {
  const kinds = manifests.map(({ kind }) => kind).sort();
  for (const kind of [
    "Deployment",
    "HorizontalPodAutoscaler",
    "Job",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "ScaledObject",
    "Service",
    "ServiceAccount",
    "TriggerAuthentication",
  ]) {
    expect(kinds).toContain(kind);
  }
  // The schemas do refuse.
  const [deployment] = ofKind("Deployment");
  const wrong = { ...deployment!, spec: { ...deployment!.spec, replicas: "two" } };
  expect(() => validate(wrong)).toThrow(/replicas/);
});

test("S19: no pod is root, may write to its root, has a token, or holds a secret in plain text", () => {
  expectSafePods(manifests);
  expect(ofKind("ServiceAccount")[0]).toMatchObject({ automountServiceAccountToken: false });
  expect(ofKind("Secret")).toEqual([]);
});

test("each role has probes, and a database that is away starts none of them anew", () => {
  expectProbes(manifests);
});

test("a worker's pod is given longer than its drain takes", () => {
  expectPatience(manifests);
});

test("S19: every deployment has a disruption budget, and every pod a policy that denies what it does not name", () => {
  const selected = (all: Manifest[]) =>
    new Set(all.map(({ spec }) => spec.selector.matchLabels["app.kubernetes.io/component"]));
  expect(selected(ofKind("PodDisruptionBudget"))).toEqual(selected(ofKind("Deployment")));
  const [whole] = ofKind("NetworkPolicy").filter(({ spec }) => spec.policyTypes.length === 2);
  expect(whole!.spec.podSelector.matchLabels).toEqual({ "app.kubernetes.io/instance": "millrace" });
  for (const { spec } of manifests.filter((each) => each.spec?.template)) {
    expect(spec.template.metadata.labels["app.kubernetes.io/instance"]).toBe("millrace");
  }
  for (const rule of whole!.spec.egress) expect(rule.to?.length).toBeGreaterThan(0);
});

test("KEDA asks for what the API answers, with the key, and does not go down in haste", () => {
  const [scaled] = ofKind("ScaledObject");
  const [trigger] = scaled!.spec.triggers;
  expect(trigger.metadata).toMatchObject({
    url: "http://millrace-api.millrace.svc/api/v1/scaling",
    valueLocation: "workersWanted",
    authMode: "bearer",
  });
  expect(ofKind("TriggerAuthentication")[0]!.metadata.name).toBe(trigger.authenticationRef.name);
  const worker = ofKind("Deployment").find(
    ({ metadata }) => metadata.name === scaled!.spec.scaleTargetRef.name,
  );
  expect(worker!.spec.replicas).toBeUndefined();
});

describe.skipIf(cannotRender !== undefined)(`the chart ${cannotRender ?? ""}`, () => {
  test("the plain manifests are the chart, rendered", async () => {
    expect(readFileSync(PLAIN, "utf8"), "run: npx jiti test/deploy/write-manifests.ts").toBe(
      await plainManifests(),
    );
  }, 120_000);

  test("other values make valid and safe manifests, too", async () => {
    const worker = ofKind("Deployment")[0]!.spec.template.spec.containers[0].resources;
    const text = await renderChart({
      transport: { fromSecret: true },
      databaseRoles: true,
      api: { hpa: { enabled: false } },
      allowedHosts: "crm.internal:8443,10.20.0.0/16",
      networkPolicy: {
        workerEgress: [{ ports: [{ protocol: "TCP", port: 443 }] }],
        webhookEgress: [{ ports: [{ protocol: "TCP", port: 443 }] }],
      },
      workers: [
        {
          ...{ name: "urgent", queues: "urgent=5,default", concurrency: 5, drainSeconds: 600 },
          ...{ replicas: 3, resources: worker },
          keda: { enabled: true, minReplicas: 0, maxReplicas: 5 },
        },
        {
          ...{ name: "bulk", queues: "bulk", concurrency: 50, drainSeconds: 5 },
          ...{ replicas: 1, resources: worker, keda: { enabled: false } },
        },
      ],
    });
    const all = readManifests(text);
    expectSafePods(all);
    expectProbes(all);
    expectPatience(all);
    expect(ofKind("HorizontalPodAutoscaler", all)).toEqual([]);
    const [scaled] = ofKind("ScaledObject", all);
    expect(scaled!.spec.triggers[0].metadata.url).toMatch(/\?queues=urgent,default$/);
    const bulk = ofKind("Deployment", all).find(({ metadata }) => metadata.name.endsWith("bulk"));
    expect(bulk!.spec.replicas).toBe(1);
    const logins = all.flatMap(({ spec }) => spec?.template?.spec.containers?.[0].env ?? []);
    const keys = logins
      .filter(({ name }: { name: string }) => name === "DATABASE_URL")
      .map(
        (login: { valueFrom: { secretKeyRef: { key: string } } }) =>
          login.valueFrom.secretKeyRef.key,
      );
    expect(new Set(keys)).toEqual(
      new Set(
        ["api", "maintenance", "migration", "scheduler", "worker"].map(
          (kind) => `database-url-${kind}`,
        ),
      ),
    );
    expect(bulk!.spec.template.spec.containers[0].env).toContainEqual({
      name: "MILLRACE_TRANSPORT",
      valueFrom: { secretKeyRef: { name: "millrace", key: "transport-url" } },
    });
  }, 120_000);
});

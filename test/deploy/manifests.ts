import * as keda from "@kubernetes-models/keda/keda.sh/v1alpha1";
import * as apps from "kubernetes-models/apps/v1";
import * as autoscaling from "kubernetes-models/autoscaling/v2";
import * as batch from "kubernetes-models/batch/v1";
import * as networking from "kubernetes-models/networking.k8s.io/v1";
import * as policy from "kubernetes-models/policy/v1";
import * as core from "kubernetes-models/v1";
import { parseAllDocuments } from "yaml";

/** One object of Kubernetes, as far as the tests look at it. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  // oxlint-disable-next-line typescript/no-explicit-any -- its shape depends on its kind, and the schema has checked it.
  spec?: any;
}

const MODELS: Record<string, Record<string, unknown>> = {
  v1: core,
  "apps/v1": apps,
  "autoscaling/v2": autoscaling,
  "batch/v1": batch,
  "keda.sh/v1alpha1": keda,
  "networking.k8s.io/v1": networking,
  "policy/v1": policy,
};

/** @throws Error for what is no YAML, or not of the schema of its kind; unknown kinds are refused, too */
export function readManifests(text: string): Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors[0]) throw document.errors[0];
    const object = document.toJS() as Manifest | null;
    if (object) validate(object);
    return object ?? [];
  });
}

export function validate(object: Manifest): void {
  const model = MODELS[object.apiVersion]?.[object.kind] as
    | (new (data: unknown) => { validate(): void })
    | undefined;
  if (!model) throw new Error(`no schema of ${object.apiVersion} ${object.kind} is known`);
  new model(object).validate();
}

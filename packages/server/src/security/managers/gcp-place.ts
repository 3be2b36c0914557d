import { fieldTrouble, splitPlace } from "./managed-place.ts";

const VERSION =
  /^projects\/([a-z0-9.:-]{1,100})(?:\/locations\/([a-z0-9-]{1,40}))?\/secrets\/[\w-]{1,255}(\/versions\/[\w-]{1,63})?$/;

/** A version of a secret of GCP Secret Manager. */
export interface GcpPlace {
  /** With the version, which is the latest unless it was named. */
  readonly name: string;
  readonly project: string;
  /** Of a secret that is kept in one place. */
  readonly location: string | undefined;
}

/** @returns what is wrong with it, if something is */
export function gcpTrouble(place: string): string | undefined {
  const { document, field } = splitPlace(place);
  if (VERSION.test(document)) return fieldTrouble(field);
  return "gcp: needs the name of a secret behind it, such as gcp:projects/acme/secrets/crm/versions/3, or without /versions/ for the latest";
}

/** @param document that {@link gcpTrouble} has nothing against */
export function readGcpDocument(document: string): GcpPlace {
  const [, project = "", location, version] = VERSION.exec(document) ?? [];
  const name = version === undefined ? `${document}/versions/latest` : document;
  return { name, project, location };
}

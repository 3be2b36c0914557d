import { fieldTrouble, splitPlace } from "./managed-place.ts";

const NAME = /^[\w/+=.@-]{1,512}$/;
const ARN = /^arn:aws[\w-]*:secretsmanager:([a-z0-9-]{1,30}):\d{12}:secret:[\w/+=.@-]{1,519}$/;
const OPTIONS = /^(stage|version|region)=[\w-]{1,256}$/;

const HOW =
  "aws: needs the name or the ARN of a secret behind it, such as aws:prod/crm or aws:prod/crm#token; it may have ?stage=, ?version= and ?region= before the field";

/** A secret of AWS Secrets Manager. */
export interface AwsPlace {
  readonly id: string;
  readonly stage: string | undefined;
  readonly version: string | undefined;
  /** Of the ARN, or as it says; undefined for what the AWS client finds. */
  readonly region: string | undefined;
}

/** @returns what is wrong with it, if something is */
export function awsTrouble(place: string): string | undefined {
  const { document, field } = splitPlace(place);
  const { id, options } = partsOf(document);
  if (!NAME.test(id) && !ARN.test(id)) return HOW;
  const names = options.map((option) => option.split("=")[0]);
  if (!options.every((option) => OPTIONS.test(option)) || new Set(names).size < names.length) {
    return HOW;
  }
  if (ARN.test(id) && names.includes("region")) return "aws: an ARN has its region in it already";
  return fieldTrouble(field);
}

/** @param document that {@link awsTrouble} has nothing against */
export function readAwsDocument(document: string): AwsPlace {
  const { id, options } = partsOf(document);
  const given = new URLSearchParams(options.join("&"));
  return {
    id,
    stage: given.get("stage") ?? undefined,
    version: given.get("version") ?? undefined,
    region: ARN.exec(id)?.[1] ?? given.get("region") ?? undefined,
  };
}

function partsOf(document: string): { id: string; options: string[] } {
  const at = document.indexOf("?");
  if (at < 0) return { id: document, options: [] };
  return { id: document.slice(0, at), options: document.slice(at + 1).split("&") };
}

/** What is used of an OpenAPI document. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

export interface Parameter {
  $ref?: string;
  name: string;
  in: "path" | "query" | "header";
  required?: boolean;
  schema: Schema;
}

export interface Response {
  content?: Record<string, { schema: Schema }>;
}

export interface Operation {
  operationId: string;
  method: string;
  path: string;
  parameters: Parameter[];
  body: Schema | undefined;
  responses: Record<string, Response>;
}

export interface OpenApi {
  paths: Record<string, Record<string, Omit<Operation, "method" | "path" | "body">>>;
  components: { schemas: Record<string, Schema>; parameters: Record<string, Parameter> };
}

interface Described extends Omit<Operation, "method" | "path" | "body"> {
  requestBody?: { content: Record<string, { schema: Schema }> };
}

/** What a reference leads to. */
export function resolved<T extends { $ref?: string }>(document: OpenApi, given: T): T {
  if (given.$ref === undefined) return given;
  const [kind, name] = given.$ref.split("/").slice(-2) as ["schemas" | "parameters", string];
  return document.components[kind][name] as unknown as T;
}

export function operationsOf(document: OpenApi): Operation[] {
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations as Record<string, Described>).map(([method, operation]) => ({
      operationId: operation.operationId,
      method: method.toUpperCase(),
      path,
      parameters: (operation.parameters ?? []).map((one) => resolved(document, one)),
      body: operation.requestBody?.content["application/json"]?.schema,
      responses: operation.responses,
    })),
  );
}

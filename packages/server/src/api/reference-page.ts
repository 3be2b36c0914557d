import { ERROR_CODES } from "@millrace/core";
import type { OpenAPIV3_1 } from "openapi-types";
import { PARAMETERS } from "./openapi-headers.ts";
import { type Html, html, page } from "./page.ts";

type Operation = OpenAPIV3_1.OperationObject;
type Schema = OpenAPIV3_1.SchemaObject | OpenAPIV3_1.ReferenceObject;

interface Entry {
  method: string;
  path: string;
  operation: Operation;
}

/** The OpenAPI document as a page for people. It shows what the document says, and nothing that it does not. */
export function referencePage(document: OpenAPIV3_1.Document): string {
  const entries = entriesOf(document);
  const tags = (document.tags ?? []).map((tag) => ({
    ...tag,
    entries: entries.filter(({ operation }) => operation.tags?.includes(tag.name)),
  }));
  const schemas = Object.entries(document.components?.schemas ?? {});
  return page(
    `${document.info.title} API`,
    html`<div class="frame">
      <nav aria-label="Contents">
        <a href="/">${document.info.title} ${document.info.version}</a>
        ${tags.map(
          (tag) =>
            html`<strong>${tag.name}</strong>
              ${tag.entries.map(({ operation }) => html`<a href="#${operation.operationId}">${operation.summary}</a> `)}`,
        )}
        <strong>more</strong>
        <a href="#errors">Errors</a>
        <a href="#schemas">Schemas</a>
        <a href="/openapi.json">openapi.json</a>
      </nav>
      <main>
        <h1>${document.info.title} API</h1>
        ${prose(document.info.description)}
        ${tags.map(
          (tag) =>
            html`<h2>${tag.name}</h2>
              <p class="quiet">${tag.description}</p>
              ${tag.entries.map(operationSection)}`,
        )}
        ${errorSection()}
        <h2 id="schemas">Schemas</h2>
        ${schemas.map(([name, schema]) => schemaSection(name, schema))}
      </main>
    </div>`,
  );
}

function entriesOf(document: OpenAPIV3_1.Document): Entry[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item ?? {}).map(([method, operation]) => ({
      method,
      path,
      operation: operation as Operation,
    })),
  );
}

function operationSection({ method, path, operation }: Entry): Html {
  const body = operation.requestBody as OpenAPIV3_1.RequestBodyObject | undefined;
  const json = body?.content["application/json"];
  return html`<section id="${operation.operationId}">
    <h3>${operation.summary}</h3>
    <div>
      <code class="path"><span class="method ${method}">${method.toUpperCase()}</span>${path}</code>
      ${operation.security?.length === 0 ? html`<span class="quiet"> without a key</span>` : ""}
    </div>
    ${prose(operation.description)} ${parameterTable(parametersOf(operation))}
    ${json?.schema ? html`<h4>Body${body?.required ? "" : " (may be absent)"}: ${typeOf(json.schema)}</h4>` : ""}
    ${inlineFields(json?.schema)} ${exampleOf(json?.example, "For example")}
    <h4>Answers</h4>
    <div class="tablebox">
      <table>
        ${Object.entries(operation.responses ?? {}).map(([status, response]) =>
          answerRow(status, response as OpenAPIV3_1.ResponseObject),
        )}
      </table>
    </div>
    ${Object.entries(operation.responses ?? {}).map(([status, response]) =>
      exampleOf(
        Object.values((response as OpenAPIV3_1.ResponseObject).content ?? {})[0]?.example,
        `A ${status}`,
      ),
    )}
  </section>`;
}

/** But for those that every operation takes. */
function parametersOf({ parameters = [] }: Operation): OpenAPIV3_1.ParameterObject[] {
  return parameters
    .map((one) => {
      if (!("$ref" in one)) return one;
      const name = one.$ref.slice(one.$ref.lastIndexOf("/") + 1);
      return PARAMETERS[name as keyof typeof PARAMETERS];
    })
    .filter((one) => one !== PARAMETERS.RequestId);
}

function parameterTable(parameters: readonly OpenAPIV3_1.ParameterObject[]): Html | undefined {
  if (parameters.length === 0) return undefined;
  return html`<h4>Parameters</h4>
    <div class="tablebox">
      <table>
        ${parameters.map(
          ({ name, in: place, schema, description }) =>
            html`<tr>
              <td><code>${name}</code></td>
              <td class="quiet">${place}</td>
              <td>${typeOf(schema as Schema)}</td>
              <td>${description}</td>
            </tr>`,
        )}
      </table>
    </div>`;
}

function answerRow(status: string, { description, content }: OpenAPIV3_1.ResponseObject): Html {
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  const good = Number(status) < 400;
  const what = media?.schema ? typeOf(media.schema) : "";
  return html`<tr>
    <td class="${good ? "" : "bad"}">${status}</td>
    <td>${good ? description : errorLinks(description)}</td>
    <td>${type === "application/json" || !good ? what : type}</td>
  </tr>`;
}

/** Links each code in `code: Title. code: Title`. */
function errorLinks(description: string): (Html | string)[] {
  return description
    .split(/([a-z]+(?:_[a-z]+)*)(?=: )/)
    .map((part) =>
      part in ERROR_CODES ? html`<a href="#error-${part}"><code>${part}</code></a>` : part,
    );
}

function errorSection(): Html {
  return html`<h2 id="errors">Errors</h2>
    <p>
      The codes are stable: they are never renamed or given another meaning. Those with status 500
      mostly belong to the command line.
    </p>
    <div class="tablebox">
      <table>
        <tr>
          <th>code</th>
          <th>status</th>
          <th>meaning</th>
        </tr>
        ${Object.entries(ERROR_CODES).map(
          ([code, { status, title }]) =>
            html`<tr id="error-${code}">
              <td><code>${code}</code></td>
              <td>${status}</td>
              <td>${title}</td>
            </tr> `,
        )}
      </table>
    </div>`;
}

function schemaSection(name: string, schema: Schema): Html {
  return html`<section id="schema-${name}">
    <h3>${name}</h3>
    ${inlineFields(schema) ?? html`<p>${typeOf(schema)}</p>`}
  </section>`;
}

/** The fields of an object that is described in place. */
function inlineFields(schema: Schema | undefined): Html | undefined {
  if (!schema || "$ref" in schema || !schema.properties) return undefined;
  const required = new Set(schema.required);
  const fields = Object.entries(schema.properties);
  if (fields.length === 0) return undefined;
  return html`<div class="tablebox">
    <table>
      ${fields.map(
        ([name, field]) =>
          html`<tr>
            <td>
              <code>${name}</code>${required.has(name) ? "" : html`<span class="quiet">?</span>`}
            </td>
            <td>${typeOf(field)}</td>
            <td>${"description" in field ? field.description : ""}</td>
          </tr>`,
      )}
    </table>
  </div>`;
}

/** A schema in a few words, with links. */
function typeOf(schema: Schema): Html | string {
  if ("$ref" in schema) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return joined(choices.map((choice) => typeOf(choice)));
  if (schema.type === "array") {
    return html`list of ${"items" in schema && schema.items ? typeOf(schema.items) : "anything"}`;
  }
  if (schema.type === "object") return objectType(schema);
  if (schema.type === undefined) return "any JSON";
  return `${[schema.type].flat().join(" | ")}${limits(schema)}`;
}

function objectType(schema: OpenAPIV3_1.SchemaObject): Html | string {
  const names = Object.keys(schema.properties ?? {});
  if (names.length > 0) return `{ ${names.join(", ")} }`;
  const values = schema.additionalProperties;
  return typeof values === "object" ? html`object of ${typeOf(values)}` : "{}";
}

function joined(types: readonly (Html | string)[]): Html {
  return html`${types.map((type, index) => html`${index > 0 ? " | " : ""}${type}`)}`;
}

function limits(schema: OpenAPIV3_1.SchemaObject): string {
  const { format, minimum, maximum, minLength, maxLength } = schema;
  const said = [
    format,
    minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum}` : undefined,
    maxLength === undefined ? undefined : `${minLength ?? 0} to ${maxLength} characters`,
    schema.default === undefined ? undefined : `default ${JSON.stringify(schema.default)}`,
  ].filter((part) => part !== undefined);
  return said.length > 0 ? ` (${said.join(", ")})` : "";
}

function exampleOf(example: unknown, title: string): Html | undefined {
  return example === undefined
    ? undefined
    : html`<h4>${title}</h4>
        <pre tabindex="0">${JSON.stringify(example, null, 2)}</pre>`;
}

/** Paragraphs, and code between backticks. */
function prose(text: string | undefined): Html[] {
  return (text ?? "")
    .split("\n\n")
    .filter((paragraph) => paragraph !== "")
    .map(
      (paragraph) =>
        html`<p>
          ${paragraph.split("`").map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}
        </p>`,
    );
}

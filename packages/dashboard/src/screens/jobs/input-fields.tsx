import { Field } from "../../parts/field.tsx";
import type { FormField, Written } from "./input-form.ts";

/** The fields of an input, each with what is wrong with it. */
export function InputFields({
  field,
  written,
  wrong,
  onWrite,
}: {
  field: FormField;
  written: Written;
  wrong: Readonly<Record<string, string>>;
  onWrite: (pointer: string, text: string) => void;
}) {
  if (field.control !== "group") {
    return <OneField {...{ field, written, wrong, onWrite }} />;
  }
  const fields = field.fields.map((one) => (
    <InputFields key={one.pointer} {...{ field: one, written, wrong, onWrite }} />
  ));
  if (field.pointer === "") return <div class="input-fields">{fields}</div>;
  return (
    <fieldset class="input-fields">
      <legend>{labelOf(field)}</legend>
      {field.schema.description && <p class="muted">{field.schema.description}</p>}
      {fields}
    </fieldset>
  );
}

function labelOf({ name, required, schema, pointer }: FormField): string {
  const label = schema.title ?? (pointer === "" ? "Input" : name);
  return required ? label : `${label} (optional)`;
}

function OneField({ field, written, wrong, onWrite }: Parameters<typeof InputFields>[0]) {
  const { pointer, control: kind, schema, required } = field;
  const text = written[pointer] ?? "";
  const write = (event: { currentTarget: { value: string } }) =>
    onWrite(pointer, event.currentTarget.value);
  const hint = hintOf(field);
  if (kind === "flag") {
    return (
      <label class="tick">
        <input
          type="checkbox"
          checked={text === "true"}
          onChange={(event) => onWrite(pointer, String(event.currentTarget.checked))}
        />
        {schema.title ?? field.name}
        {schema.description && <span class="muted">{schema.description}</span>}
      </label>
    );
  }
  return (
    <Field label={labelOf(field)} wrong={wrong[pointer]} {...(hint && { hint })}>
      {(control) => {
        if (kind === "choice") {
          return (
            <select {...control} value={text} onChange={write}>
              {(!required || text === "") && <option value="">–</option>}
              {schema.enum?.map((one) => (
                <option key={String(one)} value={String(one)}>
                  {String(one)}
                </option>
              ))}
            </select>
          );
        }
        if (kind === "json") {
          return (
            <textarea
              {...control}
              rows={pointer === "" ? 10 : 4}
              spellcheck={false}
              value={text}
              onInput={write}
            />
          );
        }
        return (
          <input
            {...control}
            type="text"
            inputMode={kind === "text" ? "text" : "decimal"}
            autocomplete="off"
            value={text}
            onInput={write}
          />
        );
      }}
    </Field>
  );
}

function hintOf({ control, schema }: FormField): string | undefined {
  const { minimum, maximum, format, description } = schema;
  const range =
    minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
      ? `${minimum} to ${maximum}`
      : minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER
        ? `at least ${minimum}`
        : undefined;
  const kind = control === "json" ? "JSON" : control === "integer" ? "a whole number" : format;
  return [description, kind, range].filter(Boolean).join("; ") || undefined;
}

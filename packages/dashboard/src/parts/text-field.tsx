import { Field } from "./field.tsx";

/** One line, or some, of text. */
export function TextField({
  label,
  hint,
  wrong,
  value,
  onChange,
  rows,
  kind = "text",
  maxLength = 1000,
}: {
  label: string;
  hint?: string;
  wrong?: string | undefined;
  value: string;
  onChange: (value: string) => void;
  /** Of a field with several lines. */
  rows?: number;
  /** Of one line; `password` for what shall not be read over a shoulder. */
  kind?: "text" | "password";
  maxLength?: number;
}) {
  return (
    <Field label={label} wrong={wrong} {...(hint !== undefined && { hint })}>
      {(control) => {
        const line = {
          ...control,
          ...{ autocomplete: "off", maxLength, value },
          onInput: (event: { currentTarget: HTMLInputElement }) =>
            onChange(event.currentTarget.value),
        };
        if (rows === undefined) {
          return kind === "text" ? (
            <input {...line} type="text" />
          ) : (
            <input {...line} type="password" />
          );
        }
        return (
          <textarea
            {...control}
            rows={rows}
            spellcheck={false}
            value={value}
            onInput={(event) => onChange(event.currentTarget.value)}
          />
        );
      }}
    </Field>
  );
}

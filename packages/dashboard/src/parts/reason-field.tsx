import { TextField } from "./text-field.tsx";

/** Why somebody does something; it stays with what is done. */
export function ReasonField({
  label = "Why, for the record",
  value,
  onChange,
}: {
  label?: string;
  value: string;
  onChange: (reason: string) => void;
}) {
  return (
    <TextField {...{ label, value, onChange }} hint="Whoever wonders tomorrow will read it here." />
  );
}

/**
 * Of what is to be sent what is otherwise than when somebody began to write: what another has changed meanwhile stays as they have it, unless it is
 * the same field.
 */
export function onlyChanges<Body extends object>(body: Body, before: Body): Partial<Body> {
  const changed = Object.entries(body).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as keyof Body]),
  );
  return Object.fromEntries(changed) as Partial<Body>;
}

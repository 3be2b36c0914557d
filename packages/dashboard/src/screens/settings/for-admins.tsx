import type { ComponentChildren } from "preact";
import { useRefusal } from "../../data/identity.ts";
import { Empty } from "../../parts/conditions.tsx";

/** What only admins are told: nobody else's page asks for it. */
export function ForAdmins({
  what,
  children,
}: {
  /** Such as "API keys". */
  what: string;
  children: () => ComponentChildren;
}) {
  const refusal = useRefusal("administer");
  if (refusal === undefined) return <>{children()}</>;
  return (
    <Empty title={`${what} are for admins`}>
      <p>{refusal}</p>
    </Empty>
  );
}

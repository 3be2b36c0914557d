import type { MightyLoginRow } from "../../store/server-facts.ts";
import { count } from "../../runtime/amounts.ts";
import { type Finding, ok, warn } from "./finding.ts";

/** Whether processes on other machines have more rights than they need. */
export function* checkLogins(mighty: readonly MightyLoginRow[]): Generator<Finding> {
  if (mighty.length === 0) {
    return yield ok("rights", "no process on another machine is seen to own the tables");
  }
  for (const { user_name: user, superuser, sessions } of mighty) {
    const what = superuser ? "is a superuser" : "owns the tables";
    yield warn(
      "rights",
      `${count(sessions, "session")} of processes on other machines log in as ${user}, who ${what}`,
      "give each kind of process a login of its own: millrace roles",
    );
  }
}

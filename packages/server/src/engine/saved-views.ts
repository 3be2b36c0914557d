import { MillraceError, may, parseQuery } from "@millrace/core";
import { MAX_VIEWS, type SaveView } from "@millrace/core/api";
import { type Caller, placeOf, requirePermission } from "../security/caller.ts";
import type { Database } from "../store/database.ts";
import {
  type SavedViewRow,
  countViews,
  lockViews,
  removeView,
  saveView,
} from "../store/saved-views.ts";
import { asCaller } from "./as-caller.ts";

/**
 * Keeps a view for somebody, in the place of their own of that name. To share one takes who may operate.
 *
 * @throws MillraceError `forbidden`, `view_exists`, `too_many_views`, `invalid_request` for a query that cannot be read
 */
export function keepView(
  db: Database,
  caller: Caller,
  slug: string,
  { title, query, columns, shared }: SaveView,
): Promise<SavedViewRow> {
  return asCaller(db, caller, "read", "own", async (tx, tell) => {
    if (shared) requirePermission(caller, "operate");
    parseQuery(query);
    const owner = ownerOf(caller);
    await lockViews(tx, owner);
    const [saved] = await saveView(tx, slug, title, query, columns, shared, owner, caller.projects);
    if (!saved) {
      throw new MillraceError(
        "view_exists",
        `a view called ${slug} is somebody else's; give yours another name`,
      );
    }
    const [kept] = await countViews(tx, owner);
    if (saved.made && kept!.views > MAX_VIEWS) {
      throw new MillraceError(
        "too_many_views",
        `you keep ${MAX_VIEWS} views, as many as one may; remove some`,
      );
    }
    // Not the query, in which there may be what runs work on.
    tell("view.saved", `view:${slug}`, { after: { title, shared } });
    return saved;
  });
}

/**
 * Removes one's own view, or as who administers one that somebody shares.
 *
 * @throws MillraceError `forbidden`, `view_not_found`
 */
export function dropView(db: Database, caller: Caller, slug: string): Promise<void> {
  return asCaller(db, caller, "read", "own", async (tx, tell) => {
    const administers = may(caller.role, "administer");
    const [gone] = await removeView(tx, slug, ownerOf(caller), caller.projects, administers);
    if (!gone) throw noView(slug);
    tell("view.removed", `view:${slug}`, { before: { shared: gone.shared, owner: gone.owner } });
  });
}

/** By whom a view is kept. A person stays who they are when they are confined to other projects; names of keys are no more than names. */
export function ownerOf(caller: Caller): string {
  return caller.name.startsWith("person:") ? caller.name : placeOf(caller);
}

export function noView(slug: string): MillraceError {
  return new MillraceError(
    "view_not_found",
    `there is no view called ${slug} that is yours, or shared with you`,
  );
}

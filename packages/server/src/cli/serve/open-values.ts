import { readInstallation } from "../../store/installation.ts";
import { measuredStore } from "../../value-store/measured-store.ts";
import { openValueStore } from "../../value-store/open-value-store.ts";
import type { ValueStore } from "../../value-store/value-store.ts";
import { tell } from "./greeting.ts";
import type { Ground } from "./ground.ts";

/** Opens the store for large values that the settings name, which the serving's undo closes, and says so; undefined for none. */
export async function openValues({
  cli,
  serving,
  db,
  metrics,
}: Ground): Promise<ValueStore | undefined> {
  const { settings, undo } = serving;
  if (settings.valueStore === undefined) return undefined;
  const [installation] = await readInstallation(db);
  const opened = await openValueStore(settings.valueStore, installation!.id);
  const values = measuredStore(opened, metrics);
  undo.add("the store for values", async () => values.close());
  tell(cli, "values", values.words);
  return values;
}

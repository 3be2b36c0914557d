import { useState } from "preact/hooks";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { RangePicker } from "../../parts/range-picker.tsx";
import { beforeOf, rangeOf } from "../../routing/range.ts";
import { Share } from "../../parts/share.tsx";
import { go, place, withQuery } from "../../routing/router.ts";
import type { ScreenProps } from "../../shell/screens.ts";
import { ColumnPicker } from "./column-picker.tsx";
import { chosenColumns, columnsNamed, keepColumns } from "./columns.tsx";
import { ExportRuns } from "./export-runs.tsx";
import { RunList } from "./run-list.tsx";
import { runsPath, within } from "./run-query.ts";
import { QuickFilters, SearchBox, troubleWith } from "./run-search.tsx";
import { Views } from "./views.tsx";
import "./runs.css";

/** Runs, newest first, by whatever one looks for. */
export function RunsScreen({ isScreen }: ScreenProps) {
  const address = place.value.query;
  const query = address.get("q") ?? "";
  const time = { range: rangeOf(address), before: beforeOf(address) };
  const whole = within(query, time);
  const shared = {
    query: within(query, { range: undefined, before: time.before }),
    range: time.range,
  };
  const [picking, setPicking] = useState(false);
  const columns = chosenColumns(address.get("columns"));
  const choose = (names: readonly string[]) => {
    keepColumns(names.length === 0 ? columnsNamed().map(({ name }) => name) : names);
    // The same address again draws anew, by what is kept now.
    go(withQuery({ columns: undefined }), "replace");
  };
  return (
    <Page
      title="Runs"
      actions={
        <>
          <Views query={whole} columns={columns} />
          <button type="button" aria-haspopup="dialog" onClick={() => setPicking(true)}>
            Columns
          </button>
          <ExportRuns query={whole} />
          <Share shared={shared} />
          <CopyAs
            request={{ path: runsPath(whole, undefined) }}
            cli={whole === "" ? "millrace runs" : `millrace runs ${shellQuoted(whole)}`}
          />
        </>
      }
    >
      <SearchBox query={query} />
      <div class="row filters">
        <QuickFilters query={query} />
        <RangePicker />
      </div>
      {!troubleWith(whole) && (
        <RunList query={query} time={time} shared={shared} columns={columns} isScreen={isScreen} />
      )}
      {picking && (
        <ColumnPicker chosen={columns} onChoose={choose} onClose={() => setPicking(false)} />
      )}
    </Page>
  );
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

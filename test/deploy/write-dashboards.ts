import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BOARDS, dashboardText } from "./dashboards.ts";

// npx jiti test/deploy/write-dashboards.ts: the files that Grafana reads.

const FOLDER = join(import.meta.dirname, "../../deploy/compose/grafana/dashboards");

for (const board of BOARDS) writeFileSync(join(FOLDER, `${board.uid}.json`), dashboardText(board));

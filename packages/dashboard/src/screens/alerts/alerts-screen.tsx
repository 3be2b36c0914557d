import type { AlertSilenceInfo } from "@millrace/core/api";
import { useResource } from "../../data/resource.ts";
import { CopyAs } from "../../parts/copy-as.tsx";
import { Page } from "../../parts/page.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { FiringTab } from "./firing-tab.tsx";
import { RulesTab } from "./rules-tab.tsx";
import { SilencesTab } from "./silences-tab.tsx";
import { TargetsTab } from "./targets-tab.tsx";
import "../../design/entries.css";
import "./alerts.css";

/** What Millrace itself says is wrong, by which rules, and what nobody is told of. */
export function AlertsScreen() {
  const silences = useResource<{ silences: AlertSilenceInfo[] }>("/api/v1/alert-silences");
  return (
    <Page
      title="Alerts"
      actions={<CopyAs request={{ path: "/api/v1/alerts" }} cli="millrace alerts" />}
    >
      <Tabs
        label="Alerts"
        tabs={[
          { id: "firing", title: "Firing", content: () => <FiringTab /> },
          { id: "rules", title: "Rules", content: () => <RulesTab /> },
          { id: "targets", title: "Targets", content: () => <TargetsTab /> },
          {
            id: "silences",
            title: "Silences",
            count: silences.data?.silences.length,
            content: () => <SilencesTab />,
          },
        ]}
      />
    </Page>
  );
}

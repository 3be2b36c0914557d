import { Page } from "../../parts/page.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { AuditTab } from "./audit-tab.tsx";
import { KeysTab } from "./keys-tab.tsx";
import { PeopleTab } from "./people-tab.tsx";
import { ProjectsTab } from "./projects-tab.tsx";
import { RetentionTab } from "./retention-tab.tsx";
import { SecretsTab } from "./secrets-tab.tsx";
import { WebhooksTab } from "./webhooks-tab.tsx";
import "../../design/entries.css";

/** Who may what, what is secret, and who has done what. */
export function SettingsScreen() {
  return (
    <Page title="Settings">
      <Tabs
        label="Settings"
        tabs={[
          { id: "keys", title: "API keys", content: () => <KeysTab /> },
          { id: "people", title: "People", content: () => <PeopleTab /> },
          { id: "secrets", title: "Secrets", content: () => <SecretsTab /> },
          { id: "webhooks", title: "Webhooks", content: () => <WebhooksTab /> },
          { id: "projects", title: "Projects", content: () => <ProjectsTab /> },
          { id: "retention", title: "Retention", content: () => <RetentionTab /> },
          { id: "audit", title: "Audit log", content: () => <AuditTab /> },
        ]}
      />
    </Page>
  );
}

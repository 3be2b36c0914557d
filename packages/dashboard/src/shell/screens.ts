import type { DashboardPath } from "@millrace/core";
import type { ComponentType } from "preact";
import { match } from "../routing/router.ts";
import { HomeScreen } from "../screens/home/home-screen.tsx";

export interface ScreenProps {
  /** The named parts of the address. */
  params: Record<string, string>;
  /** Whether there is a screen at an address. */
  isScreen: (path: string) => boolean;
}

export interface Screen {
  /** Its address; `:name` is a part with a name. */
  path: DashboardPath;
  title: string;
  /** Where it stands in the navigation; absent for what is reached from elsewhere. */
  navigation?: {
    icon: string;
    /** Goes there, after `g`. */
    key: string;
  };
  /** Its code: loaded when somebody goes there, so that the first page stays small. Home is there from the start. */
  load: () => Promise<ComponentType<ScreenProps>>;
}

/** Every screen, in the order of the navigation. A new one is a row here, a folder in `screens/`, and a row in `test/dashboard/screens.ts`. */
export const SCREENS: readonly Screen[] = [
  {
    path: "/",
    title: "Home",
    navigation: { icon: "⌂", key: "h" },
    load: async () => HomeScreen,
  },
  {
    path: "/runs",
    title: "Runs",
    navigation: { icon: "≡", key: "r" },
    load: async () => (await import("../screens/runs/runs-screen.tsx")).RunsScreen,
  },
  {
    path: "/runs/:id",
    title: "Run",
    load: async () => (await import("../screens/run/run-screen.tsx")).RunScreen,
  },
  {
    path: "/v/:slug",
    title: "Saved view",
    load: async () => (await import("../screens/runs/view-screen.tsx")).ViewScreen,
  },
  {
    path: "/queues",
    title: "Queues",
    navigation: { icon: "☰", key: "q" },
    load: async () => (await import("../screens/queues/queues-screen.tsx")).QueuesScreen,
  },
  {
    path: "/queues/:name",
    title: "Queue",
    load: async () => (await import("../screens/queues/queue-screen.tsx")).QueueScreen,
  },
  {
    path: "/workers",
    title: "Workers",
    navigation: { icon: "▦", key: "w" },
    load: async () => (await import("../screens/workers/workers-screen.tsx")).WorkersScreen,
  },
  {
    path: "/jobs",
    title: "Jobs",
    navigation: { icon: "⚙", key: "j" },
    load: async () => (await import("../screens/jobs/jobs-screen.tsx")).JobsScreen,
  },
  {
    path: "/jobs/:name",
    title: "Job",
    load: async () => (await import("../screens/jobs/job-screen.tsx")).JobScreen,
  },
  {
    path: "/schedules",
    title: "Schedules",
    navigation: { icon: "◷", key: "s" },
    load: async () => (await import("../screens/schedules/schedules-screen.tsx")).SchedulesScreen,
  },
  {
    path: "/schedules/:name",
    title: "Schedule",
    load: async () => (await import("../screens/schedules/schedule-screen.tsx")).ScheduleScreen,
  },
  {
    path: "/errors",
    title: "Errors",
    navigation: { icon: "!", key: "e" },
    load: async () => (await import("../screens/errors/errors-screen.tsx")).ErrorsScreen,
  },
  {
    path: "/errors/:fingerprint",
    title: "Error group",
    load: async () => (await import("../screens/errors/error-screen.tsx")).ErrorScreen,
  },
  {
    path: "/dead",
    title: "Dead letters",
    navigation: { icon: "†", key: "d" },
    load: async () => (await import("../screens/dead/dead-screen.tsx")).DeadScreen,
  },
  {
    path: "/waiting",
    title: "Waiting",
    navigation: { icon: "?", key: "a" },
    load: async () => (await import("../screens/waiting/waiting-screen.tsx")).WaitingScreen,
  },
  {
    path: "/bulk",
    title: "Operations",
    navigation: { icon: "»", key: "o" },
    load: async () => (await import("../screens/bulk/bulk-screen.tsx")).BulkScreen,
  },
  {
    path: "/bulk/:id",
    title: "Operation",
    load: async () => (await import("../screens/bulk/operation-screen.tsx")).OperationScreen,
  },
  {
    path: "/alerts",
    title: "Alerts",
    navigation: { icon: "¡", key: "l" },
    load: async () => (await import("../screens/alerts/alerts-screen.tsx")).AlertsScreen,
  },
  {
    path: "/i",
    title: "Incidents",
    navigation: { icon: "¶", key: "i" },
    load: async () => (await import("../screens/incidents/incidents-screen.tsx")).IncidentsScreen,
  },
  {
    path: "/i/:slug",
    title: "Incident",
    load: async () => (await import("../screens/incidents/incident-screen.tsx")).IncidentScreen,
  },
  {
    path: "/settings",
    title: "Settings",
    navigation: { icon: "§", key: "t" },
    load: async () => (await import("../screens/settings/settings-screen.tsx")).SettingsScreen,
  },
  {
    path: "/system",
    title: "System",
    navigation: { icon: "=", key: "y" },
    load: async () => (await import("../screens/system/system-screen.tsx")).SystemScreen,
  },
];

export function screenAt(
  path: string,
): { screen: Screen; params: ScreenProps["params"] } | undefined {
  for (const screen of SCREENS) {
    const params = match(screen.path, path);
    if (params) return { screen, params };
  }
  return undefined;
}

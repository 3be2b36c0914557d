import type { Role } from "@millrace/core";

export const ROLE_WORDS: Record<Role, string> = {
  viewer: "viewer: looks",
  operator: "operator: acts on runs",
  editor: "editor: changes schedules, too",
  admin: "admin: makes keys, adds people, sets secrets, too",
  worker: "worker: a program that asks for runs and sends events",
};

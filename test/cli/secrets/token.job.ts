import { createHash } from "node:crypto";
import { defineJob } from "@millrace/sdk";

/** Which token it got, and which keys it finds. */
export const token = defineJob({
  name: "token",
  secrets: ["CRM_TOKEN"],
  run: (_input, { secrets }) => ({
    sha256: createHash("sha256").update(secrets.CRM_TOKEN).digest("hex"),
    keys: Object.keys(process.env).filter((name) => name.includes("SECRET_KEYS")),
  }),
});

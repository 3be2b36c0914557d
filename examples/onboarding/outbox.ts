import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "../write-atomically.ts";
import { MAILS, type Template } from "./mails.ts";

/**
 * Puts a mail into the outbox, from where a mail server would fetch it: a file in `ONBOARDING_OUT`, by default
 * `.millrace/out/onboarding` under the working directory.
 *
 * @param key names the file, so that a mail that is sent again takes the place of itself
 */
export async function send(to: string, template: Template, key: string): Promise<void> {
  const folder =
    process.env.ONBOARDING_OUT ?? join(process.cwd(), ".millrace", "out", "onboarding");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { subject, text } = MAILS[template];
  await writeAtomically(join(folder, `${key}.eml`), (file) =>
    file.writeFile(`To: ${to}\r\nSubject: ${subject}\r\n\r\n${text}\r\n`),
  );
}

import { expect, test } from "vitest";
import { loadClient } from "./load-client.ts";

test("a client that is missing is named, with the command that installs it", async () => {
  const absent = "millrace-has-no-such-package";
  await expect(loadClient(absent, "6", () => import(absent))).rejects.toMatchObject({
    code: "transport_client_missing",
    message: expect.stringMatching(/npm install millrace-has-no-such-package@6$/),
  });
});

test("a client that is there and fails says so itself", async () => {
  const failing = () => Promise.reject(new SyntaxError("broken"));
  await expect(loadClient("any", "1", failing)).rejects.toThrow("broken");
});

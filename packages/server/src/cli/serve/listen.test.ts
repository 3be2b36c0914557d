import { expect, test } from "vitest";
import { openable } from "./listen.ts";

test("what listens on all addresses is opened at that of this machine, and all else where it is", () => {
  expect(openable("http://0.0.0.0:4700")).toBe("http://127.0.0.1:4700");
  expect(openable("http://[::]:4700")).toBe("http://[::1]:4700");
  expect(openable("http://127.0.0.1:4700")).toBe("http://127.0.0.1:4700");
  expect(openable("http://10.0.0.0:4700")).toBe("http://10.0.0.0:4700");
});

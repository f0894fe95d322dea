import os from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { userNameOf } from "../../../src/daemon/users/user-name.ts";
import { startChild } from "../../kit/child.ts";

test("this process's user goes by name, others by number", () => {
  expect(userNameOf(os.userInfo().uid)).toBe(os.userInfo().username);
  expect(userNameOf(4_000_000)).toBe("uid 4000000");
});

test.skipIf(process.getuid?.() !== 0)("a user without an entry is no reason to fail", async () => {
  using child = await startChild(join(import.meta.dirname, "user-name-program.ts"), "54321");
  expect(await child.nextLine()).toBe("uid 54321");
});

import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createUnixGroups } from "../../../src/daemon/users/unix-groups.ts";
import { systemClock } from "../../../src/std/clock.ts";

const quotas = { "group:students": {} };
const user = userInfo().username;

test("are those that the host names", async () => {
  const groups = createUnixGroups({ clock: systemClock, quotas });
  expect(groups.of({ user })).toEqual([]);
  await groups.know({ user });
  expect(groups.of({ user })).toEqual(execFileSync("id", ["-Gn"], { encoding: "utf8" }).trim().split(" "));
});

test("are not looked up where no group has a quota", async () => {
  const groups = createUnixGroups({ clock: systemClock, quotas: { "user:ada": {} } });
  await groups.know({ user });
  expect(groups.of({ user })).toEqual([]);
});

test("are none for a user whom nobody knows, which is no error", async () => {
  const groups = createUnixGroups({ clock: systemClock, quotas });
  await groups.know({ user: "uid 987654" });
  expect(groups.of({ user: "uid 987654" })).toEqual([]);
});

test("are looked up once by callers at the same time, and again when that is long ago; a failure keeps them", async () => {
  const dir = mkdtempSync(join(tmpdir(), "orch-groups-"));
  try {
    const program = join(dir, "id");
    const answer = (script: string): void => {
      writeFileSync(program, `#!/bin/sh\necho asked >> ${dir}/asked\n${script}\n`);
      chmodSync(program, 0o755);
    };
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => nowMs };
    const groups = createUnixGroups({ clock, quotas, program });
    const asked = (): number => readFileSync(join(dir, "asked"), "utf8").split("\n").length - 1;
    answer("printf 'a\\0domain users\\0'");
    await Promise.all([1, 2, 3].map(() => groups.know({ user: "ada" })));
    await groups.know({ user: "ada" });
    expect([groups.of({ user: "ada" }), asked()]).toEqual([["a", "domain users"], 1]);
    nowMs += 600_000;
    answer("exit 1");
    await groups.know({ user: "ada" });
    expect([groups.of({ user: "ada" }), asked()]).toEqual([["a", "domain users"], 2]);
    nowMs += 10_000;
    answer("printf 'b\\0'");
    await groups.know({ user: "ada" });
    expect([groups.of({ user: "ada" }), asked()]).toEqual([["b"], 3]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

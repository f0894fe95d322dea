import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Failure } from "../../src/std/failure.ts";
import { takeLock } from "../../src/store/database.ts";
import { startChild } from "../kit/child.ts";

const program = join(import.meta.dirname, "lock-program.ts");
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-lock-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("the lock of a state directory", () => {
  test("goes to exactly one of two processes that race for it, twenty times", async () => {
    for (let round = 0; round < 20; round++) {
      const file = join(dir, `race-${round}.lock`);
      using first = await startChild(program, file);
      using second = await startChild(program, file);
      const both = [first, second];
      for (const child of both) expect(await child.nextLine()).toBe("ready");
      for (const child of both) child.say("go");
      const said = await Promise.all(both.map((child) => child.nextLine()));
      expect(said.toSorted(), `round ${round}`).toEqual(["daemon/running", "taken"]);
    }
  }, 60_000);

  test("is free once its holder is killed with SIGKILL", async () => {
    const file = join(dir, "killed.lock");
    using holder = await startChild(program, file);
    holder.say("go");
    expect(await holder.nextLine()).toBe("ready");
    expect(await holder.nextLine()).toBe("taken");
    try {
      takeLock(file);
      expect.unreachable("two hold the lock");
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      expect(error.toBody()).toMatchObject({ code: "daemon/running", hint: "orch status" });
      expect(error.message).toContain(dir);
    }
    await holder.kill();
    takeLock(file).release();
  });

  test("can be taken again after its release", () => {
    const file = join(dir, "released.lock");
    takeLock(file).release();
    takeLock(file).release();
  });

  test("on a file that somebody has written to is no lock, and says so", () => {
    const file = join(dir, "notes.lock");
    writeFileSync(file, "my notes\n".repeat(200));
    expect(() => takeLock(file)).toThrow(/damaged/);
  });
});

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
  test("goes to exactly one of two processes that race for it, a hundred times [fault 15]", async () => {
    const race = async (name: number): Promise<void> => {
      using first = await startChild(program);
      using second = await startChild(program);
      const both = [first, second];
      for (const child of both) expect(await child.nextLine()).toBe("ready");
      for (let round = 0; round < 25; round++) {
        for (const child of both) child.say(join(dir, `race-${name}-${round}.lock`));
        const said = await Promise.all(both.map((child) => child.nextLine()));
        expect(said.toSorted(), `round ${round}`).toEqual(["daemon/running", "taken"]);
      }
    };
    // Who loses waits a quarter of a second, so four races go on side by side.
    await Promise.all([1, 2, 3, 4].map(race));
  }, 60_000);

  test("is free once its holder is killed with SIGKILL", async () => {
    const file = join(dir, "killed.lock");
    using holder = await startChild(program);
    holder.say(file);
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

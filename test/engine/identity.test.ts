import { spawn } from "node:child_process";
import { describe, expect, test } from "vitest";
import {
  identityOf,
  isAlive,
  parseStat,
  readBootId,
  readStat,
  sendSignal,
} from "../../src/engine/identity.ts";
import { parseLabels } from "../../src/engine/labels.ts";
import { until } from "../kit/until.ts";

const REST = `S 12 34 56 0 -1 4194304 104 0 0 0 0 0 0 0 20 0 1 0 192806 2998272 419`;

describe("parseStat", () => {
  test.each(["sleep", "a b", "x) R 1 (y", "((", ")", ""])(
    "the program's name %j does not shift the fields",
    (name) => {
      expect(parseStat(`77 (${name}) ${REST}`)).toEqual({
        pid: 77,
        state: "S",
        parentPid: 12,
        groupId: 34,
        sessionId: 56,
        startTicks: 192806,
      });
    },
  );

  test.each(["", "77 (sleep", "77 (sleep) S 1 2"])("%j is no line of /proc", (line) => {
    expect(parseStat(line)).toBeNull();
  });
});

describe("isAlive", () => {
  test("this process is, with its own start time and boot only", () => {
    const stat = readStat(process.pid);
    if (stat === null) throw new Error("no /proc");
    const identity = identityOf(stat);
    expect(isAlive(identity)).toBe(true);
    expect(isAlive({ ...identity, startTicks: identity.startTicks + 1 })).toBe(false);
    expect(isAlive({ ...identity, bootId: "0" })).toBe(false);
  });

  test("a zombie is not", async () => {
    // The shell starts a child and becomes a program that never waits for it; before that it might, so the child ends after it.
    const child = "while grep -qx sh /proc/$$/comm; do sleep 0.01; done";
    const parent = spawn("sh", ["-c", `{ ${child}; } & echo $!; exec sleep 60`], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const line = await new Promise<string>((resolve) =>
      parent.stdout.once("data", (data) => resolve(String(data))),
    );
    const stat = await until("the child is a zombie", () => {
      const now = readStat(Number(line));
      return now?.state === "Z" ? now : null;
    });
    expect(isAlive(identityOf(stat))).toBe(false);
    expect(sendSignal(identityOf(stat), "SIGKILL")).toBe(false);
    parent.kill();
  });

  test("pid 1 and groups of everybody are never signalled", () => {
    expect(() => sendSignal({ bootId: readBootId(), pid: 1, startTicks: 0 }, "SIGTERM", "group")).toThrow(
      "pid 1",
    );
  });
});

describe("parseLabels", () => {
  test("both labels are needed, in any order", () => {
    const read = (...entries: string[]) => parseLabels(Buffer.from(entries.join("\0")));
    expect(read("A=1", "ORCH_INSTANCE=i=x", "ORCH_WORKER=7", "")).toEqual({ workerId: 7, instanceId: "i=x" });
    expect(read("ORCH_INSTANCE=i")).toBeNull();
    expect(read("NOT_ORCH_INSTANCE=i", "ORCH_WORKER=7")).toBeNull();
    expect(read("ORCH_INSTANCE=i", "ORCH_WORKER=seven")).toBeNull();
  });
});

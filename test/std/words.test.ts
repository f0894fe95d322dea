import { describe, expect, it } from "vitest";
import { formatBytes, parseBytes } from "../../src/std/bytes.ts";
import { formatDurationMs, parseDurationMs } from "../../src/std/duration.ts";
import { Failure, failureTable, toFailure } from "../../src/std/failure.ts";
import { createRng } from "../../src/std/rng.ts";
import { createSteadyClock } from "../../src/std/steady-clock.ts";
import { suggest } from "../../src/std/suggest.ts";

describe("bytes", () => {
  it.each([
    ["12GiB", 12 * 2 ** 30],
    ["1.5 GiB", 1.5 * 2 ** 30],
    ["800MB", 800e6],
    ["640mib", 640 * 2 ** 20],
    ["1073741824", 2 ** 30],
  ])("reads %s", (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  it.each(["", "GiB", "-1GiB", "12 parsecs", "1e3MB", "12GiB!"])("refuses %j", (text) => {
    expect(() => parseBytes(text)).toThrow(Failure);
  });

  it.each([
    [0, "0 B"],
    [12 * 2 ** 30, "12 GiB"],
    [1.5 * 2 ** 30, "1.5 GiB"],
    [600 * 2 ** 20, "600 MiB"],
  ])("shows %d", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe("durations", () => {
  it.each([
    ["90s", 90_000],
    ["10m", 600_000],
    ["1h30m", 5_400_000],
    ["250ms", 250],
    ["45", 45_000],
    ["2d", 172_800_000],
  ])("reads %s", (text, ms) => expect(parseDurationMs(text)).toBe(ms));

  it.each(["", "soon", "-5s", "1h 30", "10 minutes"])("refuses %j", (text) => {
    expect(() => parseDurationMs(text)).toThrow(Failure);
  });

  it.each([
    [340, "340 ms"],
    [2_500, "2.5 s"],
    [185_000, "3m 05s"],
    [4_800_000, "1h 20m"],
    [183_600_000, "2d 3h"],
  ])("shows %d", (ms, text) => expect(formatDurationMs(ms)).toBe(text));
});

describe("suggestions", () => {
  it.each([
    ["chralm", "charlm"],
    ["promt", "prompt"],
    ["sdlx", "sdxl"],
  ])("takes %s for %s", (typed, meant) => {
    expect(suggest(typed, ["charlm", "sdxl", "prompt", "negative_prompt"])).toBe(meant);
  });

  it("stays silent when nothing is near", () => {
    expect(suggest("whisper", ["charlm", "sdxl"])).toBeUndefined();
  });
});

describe("randomness", () => {
  it("repeats from its seed and differs between seeds", () => {
    const draw = (seed: number): number[] => {
      const rng = createRng(seed);
      return Array.from({ length: 50 }, () => rng.below(1000));
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it("stays in bounds and fills them evenly", () => {
    const rng = createRng(1);
    const counts = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 10_000; draw++) {
      const value = rng.below(10);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    // Ten cells of 1000 on average: 150 is five standard deviations.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

describe("the steady clock", () => {
  it("does not follow a wall clock that jumps", () => {
    let wallMs = 1_000_000;
    let monotonicMs = 50;
    const clock = createSteadyClock({ nowMs: () => wallMs, monotonicMs: () => monotonicMs });
    expect(clock.nowMs()).toBe(1_000_000);
    wallMs -= 86_400_000;
    monotonicMs += 250;
    expect(clock.nowMs()).toBe(1_000_250);
  });
});

describe("failures", () => {
  it("survive the wire", () => {
    const failure = new Failure("job/unknown", "there is no job 7", { why: "it never was", hint: "orch ls" });
    const back = Failure.fromBody(JSON.parse(JSON.stringify(failure.toBody())));
    expect(back.toBody()).toEqual(failure.toBody());
    expect(back.exitCode).toBe(5);
  });

  it("of an unknown code are bugs, and so is anything else that is thrown", () => {
    expect(Failure.fromBody({ code: "new/code" as never, message: "?" }).code).toBe("bug");
    expect(toFailure(new TypeError("x is not a function")).code).toBe("bug");
    expect(toFailure("text").exitCode).toBe(125);
  });

  it("of another bundle are known by their shape", () => {
    class Other extends Error {
      override readonly name = "Failure";
      toBody() {
        return { code: "store/newer", message: "too new" };
      }
    }
    expect(toFailure(new Other("too new")).code).toBe("store/newer");
  });

  it("have exit codes that the table of the design knows", () => {
    const known = new Set([1, 2, 3, 4, 5, 6, 8, 124, 125, 130]);
    expect(Object.values(failureTable).filter(({ exit }) => !known.has(exit))).toEqual([]);
  });
});

import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLogKeeper, type LiveLog, type LogKeeper } from "../../../src/daemon/logs/log-keeper.ts";
import { readLog } from "../../../src/log/log-reader.ts";
import { createMask, noMask } from "../../../src/log/mask.ts";
import { systemClock } from "../../../src/std/clock.ts";
import { until } from "../../kit/until.ts";

let dir: string;
let file: string;
let logged: string[];
let live: LiveLog[];
const keepers: LogKeeper[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-keeper-"));
  file = join(dir, "log");
  logged = [];
  live = [{ file, mask: () => noMask }];
});
afterEach(() => {
  for (const keeper of keepers.splice(0)) keeper.stop();
  rmSync(dir, { recursive: true, force: true });
});

function keep(path = dir, maxBytes = 100_000, rotateEveryMs: number | null = null): LogKeeper {
  const keeper = createLogKeeper({
    live: () => live,
    rotateEveryMs,
    limits: { maxBytes, keepParts: 9 },
    dir: path,
    clock: systemClock,
    log: pino({}, { write: (line: string) => void logged.push(line) }),
  });
  keeper.start();
  keepers.push(keeper);
  return keeper;
}

const times = (): string[] =>
  existsSync(`${file}.times`) ? readFileSync(`${file}.times`, "utf8").trim().split("\n") : [];

async function readAll(): Promise<string> {
  const reader = readLog(file, 0, noMask);
  let text = "";
  for (let piece = await reader.next(true); piece !== null; piece = await reader.next(true))
    text += piece.bytes.toString();
  return text;
}

describe("the keeper of logs", () => {
  test("notes growth once, and goes on where an earlier daemon was", async () => {
    writeFileSync(file, "one\n");
    const first = keep();
    await until("it is noted", () => times().length === 1);
    first.stop();
    keep();
    appendFileSync(file, "two\n");
    await until("the growth is noted", () => times().length === 2);
    expect(times().map((line) => line.split(" ")[1])).toEqual(["4", "8"]);
  });

  test("packs what has become old, however little it is, also where nothing more is written", async () => {
    const parts = (): string[] => readdirSync(dir).filter((name) => name.endsWith(".gz"));
    writeFileSync(file, "old\nhalf");
    // An earlier daemon has noted when: an hour ago.
    writeFileSync(`${file}.times`, `${Date.now() - 3_600_000} 8\n`);
    const keeper = keep(dir, 100_000, 1_800_000);
    await until("it is packed", () => parts().length === 1);
    expect(parts()).toEqual(["log.0-4.gz"]);
    appendFileSync(file, " and the rest\n");
    await until("the growth is noted", () => times().length === 2);
    expect(await readAll()).toBe("old\nhalf and the rest\n");
    // What is young stays in the file.
    expect(parts()).toHaveLength(1);
    expect(keeper.liveBytes()).toBeGreaterThan(0);
  });

  test("hides secrets that are on disk already, and the last ones before the end is told", async () => {
    live = [{ file, mask: () => createMask(["canary-value"]) }];
    writeFileSync(file, "a canary-value and can");
    const keeper = keep();
    await until("it is hidden", () => readFileSync(file, "utf8").startsWith("a ************ and"));
    appendFileSync(file, "ary-value, canary-value");
    await keeper.settle({ file, mask: () => createMask(["canary-value"]) });
    expect(readFileSync(file, "utf8")).toBe("a ************ and ************, ************");
  });

  test("rotates what has grown too large, several parts at a time", async () => {
    const text = Array.from({ length: 60_000 }, (_, index) => `line ${index}\n`).join("");
    writeFileSync(file, text);
    keep();
    await until("it is rotated", () => readdirSync(dir).filter((name) => name.endsWith(".gz")).length === 6);
    expect(await readAll()).toBe(text);
    expect(logged).toEqual([]);
  });

  test("rotates a large log that came and went between two looks", async () => {
    live = [];
    writeFileSync(file, "x".repeat(150_000));
    const keeper = keep();
    await keeper.settle({ file, mask: () => noMask });
    await until("it is rotated", () => readdirSync(dir).filter((name) => name.endsWith(".gz")).length === 1);
    expect((await readAll()).length).toBe(150_000);
  });

  test("leaves logs whole, and says so, on a disk whose files can have no holes", async () => {
    writeFileSync(file, "x".repeat(200_000));
    // Nothing can be tried out in a folder that is not there.
    keep(join(dir, "missing"));
    await until("it is said", () => logged.length > 0);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain("logs are not rotated");
    expect(readdirSync(dir).filter((name) => name.endsWith(".gz"))).toEqual([]);
    expect((await readAll()).length).toBe(200_000);
  });
});

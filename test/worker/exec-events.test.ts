import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listArtifacts } from "../../src/worker/artifacts.ts";
import { followExecEvents } from "../../src/worker/exec-events.ts";
import type { JobEvent } from "../../src/worker/protocol.ts";
import { fixtureWorker, sdkPath } from "../kit/python-worker.ts";
import { until } from "../kit/until.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-exec-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

function follow(): { events: JobEvent[]; stop(): Promise<void> } {
  const events: JobEvent[] = [];
  const follower = followExecEvents(join(dir, "events"), (event) => events.push(event));
  return { events, stop: () => follower.stop() };
}

describe("following an events file", () => {
  test("sees lines as they come, in pieces, from a file that comes late", async () => {
    const { events, stop } = follow();
    appendFileSync(join(dir, "events"), '{"type":"log","text":"one"}\n{"type":"lo');
    await until("the first line is seen", () => events.length === 1);
    appendFileSync(join(dir, "events"), 'g","text":"two"}\n');
    await until("the second line is seen", () => events.length === 2);
    await stop();
    expect(events).toEqual([
      { type: "log", text: "one" },
      { type: "log", text: "two" },
    ]);
  });

  test("reads what is left when it is stopped, at once", async () => {
    const { events, stop } = follow();
    appendFileSync(join(dir, "events"), '{"type":"progress","fraction":2}\n');
    await stop();
    await stop();
    expect(events).toEqual([{ type: "progress", fraction: 1, text: null }]);
  });

  test("passes over what is no event, too long, not for a program to say, or unfinished", async () => {
    const { events, stop } = follow();
    const long = JSON.stringify({ type: "log", text: "x".repeat(2 * 1024 * 1024) });
    const lines = [
      "rubbish",
      long,
      '{"type":"done"}',
      "",
      '{"type":"output","output":[1]}',
      '{"type":"log","text":"z"}',
    ];
    writeFileSync(join(dir, "events"), lines.join("\n"));
    await stop();
    expect(events).toEqual([{ type: "output", output: [1] }]);
  });

  test("a program without events has none", async () => {
    const { events, stop } = follow();
    await stop();
    expect(events).toEqual([]);
  });
});

describe("job() of the SDK", () => {
  function run(env: Record<string, string>) {
    const child = spawn("python3", [fixtureWorker("exec_steps.py")], {
      cwd: dir,
      env: { PATH: process.env["PATH"] ?? "", PYTHONPATH: sdkPath, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    child.stderr.on("data", (data: Buffer) => {
      errors += data.toString();
    });
    return { child, ended: once(child, "close"), errors: () => errors };
  }

  function orchEnvironment(params: object): Record<string, string> {
    writeFileSync(join(dir, "params.json"), JSON.stringify(params));
    return {
      ORCH_PARAMS: join(dir, "params.json"),
      ORCH_EVENTS: join(dir, "events"),
      ORCH_OUTPUT_DIR: join(dir, "result"),
    };
  }

  test("reports through the events file and saves into the output folder", async () => {
    const { events, stop } = follow();
    const { ended, errors } = run(orchEnvironment({ steps: 3 }));
    expect(await ended).toEqual([0, null]);
    await stop();
    expect(errors()).toBe("");
    expect(events.filter((event) => event.type === "progress").at(-1)).toMatchObject({
      fraction: 1,
      text: "step 3",
    });
    expect(events.slice(-3)).toEqual([
      { type: "log", text: "done with steps" },
      { type: "artifact", artifact: { name: "out/result.txt", bytes: 4, type: "text/plain" } },
      { type: "output", output: { steps: 3 } },
    ]);
    expect(await listArtifacts(join(dir, "result"))).toEqual([
      { name: "out/result.txt", bytes: 4, type: "text/plain" },
    ]);
  });

  test("works by hand, with its defaults, on stderr", async () => {
    const { ended, errors } = run({});
    expect(await ended).toEqual([0, null]);
    expect(errors()).toContain("100.0% step 2\n");
    expect(errors()).toContain("saved out/result.txt (4 bytes)\n");
    expect(readFileSync(join(dir, "output/out/result.txt"), "utf8")).toBe("text");
  });

  test("can take SIGTERM as a request to stop", async () => {
    const { events, stop } = follow();
    const { child, ended } = run(orchEnvironment({ steps: 1, catch: true }));
    await until("it waits", () =>
      events.some((event) => event.type === "progress" && event.text === "waiting"),
    );
    child.kill("SIGTERM");
    expect(await ended).toEqual([3, null]);
    await stop();
  });
});

describe("listArtifacts", () => {
  test("lists files of all folders by name, and neither links nor unfinished files", async () => {
    mkdirSync(join(dir, "b/c"), { recursive: true });
    for (const name of ["z.PNG", "b/c/x.unknown", "b.json", ".saving-1"])
      writeFileSync(join(dir, name), "12");
    symlinkSync("/etc/passwd", join(dir, "link.txt"));
    symlinkSync("/etc", join(dir, "folder"));
    expect(await listArtifacts(dir)).toEqual([
      { name: "b.json", bytes: 2, type: "application/json" },
      { name: "b/c/x.unknown", bytes: 2, type: null },
      { name: "z.PNG", bytes: 2, type: "image/png" },
    ]);
  });

  test("a folder that is not there has none", async () => {
    expect(await listArtifacts(join(dir, "nowhere"))).toEqual([]);
  });
});

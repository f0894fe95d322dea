import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import type { EventView } from "../../src/protocol/views.ts";
import { Failure } from "../../src/std/failure.ts";
import { type Answers, serveAnswers } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";
import { sdxl, workerView } from "./sample-views.ts";

/** Events of a switch, each so many milliseconds after its beginning. */
const story: readonly (readonly [atMs: number, type: string, worker: string | null, text: string])[] = [
  [0, "worker-summoned", null, "a worker for sdxl was asked for"],
  [0, "worker-draining", "left-1", "left-1 finishes 1 running job(s), then stops (evicted)"],
  [10, "worker-stopping", "other-9", "other-9 stops (idle)"],
  [4000, "worker-stopping", "left-1", "left-1 stops (evicted)"],
  [4800, "lease-released", "left-1", "left-1 gave GPU 0 back"],
  [4800, "worker-gone", "left-1", "left-1 is gone"],
  [4800, "worker-starting", "sdxl-1", "sdxl-1 starts on GPU 0 for sdxl"],
  [4900, "worker-draining", "next-3", "next-3 finishes 1 running job(s), then stops (evicted)"],
  [5000, "worker-spawn", "sdxl-1", "sdxl-1: its program starts"],
  [5300, "worker-load", "sdxl-1", "sdxl-1: it loads"],
];
const ready = [22_300, "worker-ready", "sdxl-1", "sdxl-1 is ready after 17.5 s"] as const;
const failed = [9000, "worker-failed", "sdxl-1", "sdxl-1 is failed: its program ended with 3"] as const;

const BEGAN_MS = Date.parse("2026-01-02T00:10:00Z"); // As the clock of the captured Io stands.

function eventsOf(entries: readonly (readonly [number, string, string | null, string])[]): EventView[] {
  return entries.map(([atMs, type, worker, text], index) => ({
    seq: index + 8,
    at: new Date(BEGAN_MS + atMs).toISOString(),
    type,
    job: null,
    correlation: null,
    worker,
    gpu: null,
    text,
  }));
}

const before: EventView = { ...(eventsOf(story)[0] as EventView), seq: 7 };

function serve(last: (typeof story)[number]): Answers {
  const worker = workerView({ state: "starting" });
  return {
    "POST /workers/switch": () => worker,
    "GET /workers": () => ({ workers: [{ ...worker, state: "ready" as const }] }),
    "GET /events": ({ after }) => (after === undefined ? [before] : eventsOf([...story, last])),
  };
}

describe("orch workers switch", () => {
  it("tells each phase with its time, of those alone that have to do with it", async () => {
    await using server = await serveAnswers(serve(ready));
    expect(await orch(["workers", "switch", "sdxl"], server)).toEqual({
      code: 0,
      stdout: `drain          4.0 s  left-1
stop          800 ms  left-1
VRAM wait     200 ms  sdxl-1
start         300 ms  sdxl-1
load            17 s  sdxl-1
ready           22 s  sdxl-1
`,
      stderr: "",
    });
    const asked = server.seen.filter(({ route }) => route === "GET /events").map(({ input }) => input);
    expect(asked).toEqual([{ limit: "1" }, { after: "7", follow: "true" }]);
    expect((await orch(["workers", "switch", "sdxl", "-q"], server)).stdout).toBe("sdxl-1\n");
    const { stdout } = await orch(["workers", "switch", "sdxl", "--json"], server);
    expect(JSON.parse(stdout)).toMatchObject({
      name: "sdxl-1",
      state: "ready",
      phases: [
        { phase: "drain", worker: "left-1", ms: 4000 },
        { phase: "stop", worker: "left-1", ms: 800 },
        { phase: "VRAM wait", worker: "sdxl-1", ms: 200 },
        { phase: "start", ms: 300 },
        { phase: "load", ms: 17_000 },
      ],
    });
  });

  it("shows on a terminal what goes on, below what is done", async () => {
    await using server = await serveAnswers(serve(ready));
    const { stderr } = await orch(["workers", "switch", "sdxl", "--no-color"], { ...server, columns: 80 });
    expect(stderr).toMatch(/drain +\d ms +left-1 finishes 1 running job\(s\), then stops \(evicted\)/);
    expect(stderr.endsWith("\r\u001b[2K")).toBe(true);
  });

  it("fails when the worker does, and when nothing may be switched", async () => {
    await using server = await serveAnswers(serve(failed));
    const run = await orch(["workers", "switch", "sdxl"], server);
    expect(run.code).toBe(1);
    expect(run.stderr).toBe(
      "error: sdxl-1 did not get ready\n  why: sdxl-1 is failed: its program ended with 3\n  try: orch logs sdxl-1\n",
    );
    await using refusing = await serveAnswers({
      ...serve(ready),
      "POST /workers/switch": () => {
        throw new Failure("gpu/unknown", 'there is no GPU "7"');
      },
      "GET /events": ({ after }) => (after === undefined ? [before] : []),
    });
    expect(await orch(["workers", "switch", "sdxl", "--gpu", "7"], refusing)).toEqual({
      code: 5,
      stdout: "",
      stderr: 'error: there is no GPU "7"\n',
    });
  });

  it.each(["start", "preload", "switch"])("workers %s takes a file as submit does", async (verb) => {
    const refuse = () => {
      throw new Failure("gpu/unavailable", "there is no GPU");
    };
    await using server = await serveAnswers({
      "GET /runtimes/:runtime": () => sdxl,
      "GET /events": () => [before],
      "POST /workers/start": refuse,
      "POST /workers/preload": refuse,
      "POST /workers/switch": refuse,
    });
    const here = { ...server, cwd: import.meta.dirname };
    await orch(["workers", verb, "sdxl", "--param", `image=${basename(import.meta.filename)}`], here);
    const asked = server.seen.find(({ route }) => route === `POST /workers/${verb}`);
    expect(asked?.input).toMatchObject({ params: { image: import.meta.filename } });
    const gone = await orch(["workers", verb, "sdxl", "--param", "image=gone.png"], here);
    expect(gone).toMatchObject({ code: 2, stderr: expect.stringContaining("there is no such file") });
  });

  it("says that one is there already", async () => {
    await using server = await serveAnswers({
      "POST /workers/switch": () => workerView(),
      "GET /events": ({ after }) => (after === undefined ? [before] : []),
    });
    expect((await orch(["workers", "switch", "sdxl"], server)).stdout).toBe("worker sdxl-1 ready\n");
  });
});

import { describe, expect, it } from "vitest";
import { main } from "../../src/cli/main.ts";
import type { WorkerView } from "../../src/protocol/views.ts";
import { type SocketServer, serveAnswers } from "../client/socket-server.ts";
import { until } from "../kit/until.ts";
import { type CapturedIo, captureIo, type IoOptions } from "./captured-io.ts";
import { workerView } from "./sample-views.ts";

/** A list of workers that is watched, and what the daemon answers next. */
interface Watched extends AsyncDisposable {
  readonly captured: CapturedIo;
  readonly code: Promise<number>;
  answer: WorkerView[];
  /** Waits for so many more answers to be given. */
  looks(count: number): Promise<void>;
}

async function watchWorkers(flags: readonly string[], options: IoOptions = {}): Promise<Watched> {
  const state = { answer: [workerView()] };
  const server: SocketServer = await serveAnswers({ "GET /workers": () => ({ workers: state.answer }) });
  const captured = captureIo({ ...options, socket: server.socket });
  const code = main(["workers", "--watch", "0.1", "--columns", "worker,state", ...flags], captured.io);
  return Object.assign(state, {
    captured,
    code,
    async looks(count: number) {
      const before = server.seen.length;
      await until(`${count} looks`, () => server.seen.length >= before + count);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  });
}

const ready = "WORKER  STATE\nsdxl-1  ready\n";
const stopping = "WORKER  STATE\nsdxl-1  stopping\n";

describe("--watch in a pipe", () => {
  it("prints a block for each change and ends with 130", async () => {
    await using watched = await watchWorkers([]);
    await watched.looks(4);
    expect(watched.captured.stdout()).toBe(ready);
    watched.answer = [workerView({ state: "stopping" })];
    await watched.looks(3);
    expect(watched.captured.stdout()).toBe(`${ready}\n${stopping}`);
    watched.answer = [];
    await watched.looks(3);
    watched.captured.signal("SIGINT");
    expect(await watched.code).toBe(130);
    expect([watched.captured.stdout(), watched.captured.stderr()]).toEqual([
      `${ready}\n${stopping}`,
      "no workers\n",
    ]);
    expect(watched.captured.listeners("SIGINT")).toBe(0);
  });

  it("says what is wrong when the daemon goes", async () => {
    const watched = await watchWorkers([]);
    await watched.looks(2);
    await watched[Symbol.asyncDispose]();
    expect(await watched.code).toBe(3);
    expect(watched.captured.stderr()).toContain("no daemon listens");
  });
});

describe("--watch on a terminal", () => {
  it("writes over the last frame, never clears the screen, and gives the cursor back", async () => {
    await using watched = await watchWorkers([], { columns: 30 });
    await watched.looks(2);
    watched.answer = [workerView({ state: "stopping" }), workerView({ name: "llm-2" })];
    await until("the change is drawn", () => watched.captured.stdout().includes("llm-2"));
    watched.answer = [];
    await until("nothing is drawn", () => watched.captured.stdout().includes("no workers"));
    watched.captured.signal("SIGTERM");
    expect(await watched.code).toBe(143);
    const text = watched.captured.stdout();
    for (const clearing of ["\u001b[2J", "\u001b[3J", "\u001bc", "\u001b[?1049h"])
      expect(text).not.toContain(clearing);
    expect(text.startsWith("\u001b[?25l")).toBe(true);
    expect(text.endsWith("\u001b[?25h")).toBe(true);
    expect(text).toContain("\u001b[3A\r\u001b[?7l\u001b[Kno workers\r\u001bD\u001b[J\u001b[?7h");
  });

  it("cuts what is longer than the screen", async () => {
    await using watched = await watchWorkers(["--no-color"], { columns: 30 });
    watched.answer = Array.from({ length: 40 }, (_, index) => workerView({ name: `w-${index}` }));
    await until("it is drawn", () => watched.captured.stdout().includes("w-20"));
    watched.captured.signal("SIGINT");
    await watched.code;
    const last = watched.captured.stdout().split("\u001b[J").at(-2) ?? "";
    expect(last.split("\u001bD")).toHaveLength(24);
    expect(last).toContain("… 19 more lines");
    expect(last).not.toContain("w-21");
  });
});

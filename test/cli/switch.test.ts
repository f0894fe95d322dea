import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { Failure } from "../../src/std/failure.ts";
import { type Answers, serveAnswers } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";
import { sdxl, workerView } from "./sample-views.ts";
import { eventBefore, failed, ready, type SwitchStep, switchEvents } from "./switch-story.ts";

function serve(end: SwitchStep): Answers {
  const worker = workerView({ state: "starting" });
  return {
    "POST /workers/switch": () => worker,
    "GET /workers": () => ({ workers: [{ ...worker, state: "ready" as const }] }),
    "GET /events": ({ after }) => (after === undefined ? [eventBefore] : switchEvents(end)),
  };
}

describe("orch workers switch", () => {
  // The phases it tells are in golden/workers-switch.txt.
  it("follows the events from before it asked, and prints the worker's name under -q", async () => {
    await using server = await serveAnswers(serve(ready));
    expect((await orch(["workers", "switch", "sdxl", "-q"], server)).stdout).toBe("sdxl-1\n");
    const asked = server.seen.filter(({ route }) => route === "GET /events").map(({ input }) => input);
    expect(asked).toEqual([{ limit: "1" }, { after: "7", follow: "true" }]);
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
      "GET /events": ({ after }) => (after === undefined ? [eventBefore] : []),
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
      "GET /events": () => [eventBefore],
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
      "GET /events": ({ after }) => (after === undefined ? [eventBefore] : []),
    });
    expect((await orch(["workers", "switch", "sdxl"], server)).stdout).toBe("worker sdxl-1 ready\n");
  });
});

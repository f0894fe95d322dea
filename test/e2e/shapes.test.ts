import { describe, expect, it } from "vitest";
import { addResidents } from "./runtimes.ts";
import { runDetached, submit, untilOver, useOrch } from "./session.ts";

const createHome = useOrch();

const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

async function json(
  home: ReturnType<typeof createHome>,
  ...args: string[]
): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await home.orch([...args, "--json"]);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe("--json", () => {
  it("of a job has the stable names, everywhere a job is shown", async () => {
    await using home = createHome();
    addResidents(home);
    await home.daemon();
    const id = await submit(home, "left", "--tag", "hello");
    const { outputDir } = await untilOver(home, id);
    const job = {
      id,
      runtime: "left",
      state: "succeeded",
      reason: null,
      exitCode: 0,
      worker: "left-1",
      gpus: ["GPU-virtual-0"],
      attempts: 1,
      submittedAt: timestamp,
      startedAt: timestamp,
      finishedAt: timestamp,
      artifacts: [{ name: "said.txt", bytes: 5, type: "text/plain", path: `${outputDir}/said.txt` }],
    };
    expect(await json(home, "show", String(id))).toMatchObject(job);
    expect(await json(home, "ls", "-a")).toMatchObject({ jobs: [job] });
    expect(await json(home, "why", String(id))).toMatchObject({ job });
    expect(await json(home, "wait", String(id))).toMatchObject({ jobs: [job] });
  });

  it("of a job that waits and of one that failed has a reason with code and text", async () => {
    await using home = createHome();
    await home.daemon();
    const held = await runDetached(home, "--hold", "--", "true");
    const heldReason = { code: "held", text: `held by a person; "orch release ${held}" lets it go` };
    expect(await json(home, "show", String(held))).toMatchObject({
      state: "held",
      reason: heldReason,
      exitCode: null,
      worker: null,
      gpus: [],
      attempts: 0,
      startedAt: null,
      finishedAt: null,
      artifacts: [],
    });
    const failed = await runDetached(home, "--", "sh", "-c", "exit 9");
    await untilOver(home, failed);
    expect(await json(home, "show", String(failed))).toMatchObject({
      state: "failed",
      reason: { code: "failed", text: "it ended with exit code 9" },
      exitCode: 9,
    });
  });

  it("of the status has pid, version, gpus, workers and the number of jobs by state", async () => {
    await using home = createHome();
    addResidents(home);
    const { pid } = await home.daemon();
    await untilOver(home, await submit(home, "left"));
    await runDetached(home, "--hold", "--", "true");
    const status = await json(home, "status");
    expect(status).toMatchObject({
      pid,
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      gpus: [
        {
          index: 0,
          uuid: "GPU-virtual-0",
          healthy: true,
          memory: { totalBytes: 2 ** 30 },
          leases: [{ worker: "left-1", mode: "exclusive", fence: 1 }],
        },
      ],
      workers: [{ name: "left-1", runtime: "left", state: "ready", gpus: ["GPU-virtual-0"] }],
    });
    expect(status["jobs"]).toEqual({
      held: 1,
      queued: 0,
      starting: 0,
      running: 0,
      succeeded: 1,
      failed: 0,
      cancelled: 0,
    });
  });

  it("of an error is one document on stderr, and stdout stays empty", async () => {
    await using home = createHome();
    await home.daemon();
    const { code, stdout, stderr } = await home.orch(["show", "77", "--json"]);
    expect([code, stdout]).toEqual([5, ""]);
    const last = stderr.trimEnd().split("\n").at(-1) ?? "";
    expect(JSON.parse(last)).toMatchObject({ error: { code: "job/unknown", message: "there is no job 77" } });
  });
});

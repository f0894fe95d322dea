import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createJobMapping } from "../../src/daemon/metrics/job-mapping.ts";
import { runDetached, untilState, useOrch } from "../e2e/session.ts";
import { buildFakeNvml, whyNoFakeNvml } from "../kit/fake-nvml.ts";
import type { DaemonProcess, OrchHome } from "../kit/orch-home.ts";
import { Bench, model } from "../kit/scheduler.ts";
import { until } from "../kit/until.ts";

const createHome = useOrch();
let home: OrchHome;
let daemon: DaemonProcess;
let dir: string;

/** What dcgm-exporter would read: jobs by GPU. */
function mapping(): Record<string, string> {
  const names = readdirSync(dir).filter((name) => /^\d+(\.\d+)?$/.test(name));
  return Object.fromEntries(
    names.flatMap((name) => {
      try {
        return [[name, readFileSync(join(dir, name), "utf8")]];
      } catch {
        return []; // Removed since the names were read.
      }
    }),
  );
}

const untilMapping = (what: string, wanted: Record<string, string>) =>
  until(what, () => JSON.stringify(mapping()) === JSON.stringify(wanted));

beforeAll(async () => {
  home = createHome({ ORCH_GPUS: "virtual:3x1GiB" });
  dir = join(home.dir, "mapping");
  mkdirSync(dir);
  writeFileSync(join(dir, "2"), "4711\n");
  writeFileSync(join(dir, "0.7"), "4711\n");
  writeFileSync(join(dir, "README"), "not one of a GPU");
  home.write("config.yaml", `metrics: { dcgmJobMappingDir: ${dir} }\n`);
  daemon = await home.daemon();
});
afterAll(() => home[Symbol.asyncDispose]());

it("has a file for each GPU with its jobs, as long as they run, after a kill -9, too", async () => {
  await untilMapping("what an earlier daemon left is gone", {});
  const wide = await runDetached(home, "--gpus", "2", "--", "sleep", "1000");
  await untilState(home, wide, "running");
  const shared = [
    await runDetached(home, "--gpus", "1", "--shared", "--vram", "100MiB", "--", "sleep", "1000"),
    await runDetached(home, "--gpus", "1", "--shared", "--vram", "100MiB", "--", "sleep", "1000"),
  ];
  const all = { 0: `${wide}\n`, 1: `${wide}\n`, 2: shared.map((id) => `${id}\n`).join("") };
  await untilMapping("all jobs are named", all);

  await daemon.kill();
  writeFileSync(join(dir, "1"), "4711\n");
  daemon = await home.daemon();
  await untilMapping("the next daemon has corrected it", all);

  await home.orch(["cancel", String(wide), String(shared[0])]);
  await untilMapping("jobs that are over are gone", { 2: `${shared[1]}\n` });
  daemon.signal("SIGTERM");
  await daemon.ended;
  expect(mapping()).toEqual({});
  expect(existsSync(join(dir, "README"))).toBe(true);
  expect(readdirSync(dir)).toEqual(["README"]);
});

it("is of jobs: a request that is served has no id that anybody could look up", async () => {
  const bench = new Bench({ gpus: [{}, {}] });
  for (const [name, isRequest] of [
    ["chat", true],
    ["train", false],
  ] as const)
    bench.submit(model(name), { isRequest });
  for (const workerId of [1, 2]) bench.ready(workerId);
  dir = join(home.dir, "requests");
  const files = createJobMapping({
    dir,
    state: () => bench.state,
    latestSample: () => ({ gpus: [] }),
    log: { warn: (fields: object) => expect(fields).toBeUndefined() },
  });
  const job = [...bench.state.jobs.keys()].find(Number.isInteger);
  await until("the job's GPU has a file", () => existsSync(dir) && readdirSync(dir).length > 0);
  expect(Object.values(mapping())).toEqual([`${job}\n`]);
  await files.stop();
  expect(mapping()).toEqual({});
});

const whyNot = await whyNoFakeNvml();

it.skipIf(whyNot !== null)(
  `names MIG instances as NVIDIA's tools do${whyNot ? ` (${whyNot})` : ""}`,
  async () => {
    const fake = await buildFakeNvml();
    try {
      const size = { totalBytes: 20 * 2 ** 30, usedBytes: 0 };
      const cut = { uuid: "GPU-cut", ...size, instances: [{ number: 2, uuid: "MIG-1", ...size }] };
      await fake.play({ gpus: [{ uuid: "GPU-whole", ...size }, cut] });
      const { ORCH_FAKE_NVML = "" } = fake.env;
      await using other = createHome({
        ORCH_GPUS: "nvml",
        ORCH_NVML_LIBRARY: fake.libraryPath,
        ORCH_FAKE_NVML,
      });
      dir = join(other.dir, "mapping");
      other.write("config.yaml", `metrics: { dcgmJobMappingDir: ${dir} }\n`);
      await other.daemon();
      const jobs = [1, 2].map(() => runDetached(other, "--gpus", "1", "--", "sleep", "1000"));
      const ids = new Set((await Promise.all(jobs)).map((id) => `${id}\n`));
      await until("both jobs have files", () => existsSync(dir) && Object.keys(mapping()).join() === "0,1.9");
      expect(new Set(Object.values(mapping()))).toEqual(ids);
    } finally {
      await fake.remove();
    }
  },
);

it("wants an absolute path", async () => {
  home.write("config.yaml", "metrics: { dcgmJobMappingDir: jobs }\n");
  const { code, stderr } = await home.orch(["config"]);
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("expected an absolute path"),
  });
});

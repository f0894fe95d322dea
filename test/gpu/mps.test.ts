import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMps, hasPipeDir, type Mps } from "../../src/gpu/mps.ts";
import { must } from "../../src/std/assert.ts";
import { systemClock } from "../../src/std/clock.ts";
import { until } from "../kit/until.ts";

const program = join(import.meta.dirname, "../fixtures/mps/nvidia-cuda-mps-control");
let dir = "";
const open: Mps[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-mps-"));
});
afterEach(async () => {
  for (const mps of open.splice(0)) await mps.quit();
  rmSync(dir, { recursive: true, force: true });
});

function create(env: Readonly<Record<string, string>> = {}): Mps {
  const path = process.env["PATH"] ?? "";
  const mps = createMps({
    dir: join(dir, "mps"),
    clock: systemClock,
    program,
    env: { PATH: path, ...env },
  });
  open.push(mps);
  return mps;
}

const serverPid = (): number => Number(readFileSync(join(dir, "mps/log/server"), "utf8"));

test("starts one daemon, however many ask, and ends it", async () => {
  const mps = create();
  expect(mps.pid()).toBeNull();
  await Promise.all([mps.ensure(), mps.ensure()]);
  const pid = must(mps.pid(), "it runs");
  expect(hasPipeDir(pid, mps.env.CUDA_MPS_PIPE_DIRECTORY)).toBe(true);
  await mps.ensure();
  expect(mps.pid()).toBe(pid);
  await mps.quit();
  expect(mps.pid()).toBeNull();
  expect(hasPipeDir(pid, mps.env.CUDA_MPS_PIPE_DIRECTORY)).toBe(false);
  await mps.quit();
});

test("is found by whoever comes later, and so are its servers", async () => {
  await create().ensure();
  const later = create();
  const pid = must(later.pid(), "it is found");
  expect([pid, serverPid(), process.pid].map((each) => later.isPart(each))).toEqual([true, true, false]);
});

test("a pid that went to another program is not taken for it", async () => {
  const mps = create();
  await mps.ensure();
  await mps.quit();
  writeFileSync(join(dir, "mps/pipe/nvidia-cuda-mps-control.pid"), `${process.pid}\n`);
  expect(mps.pid()).toBeNull();
  await mps.ensure();
  expect(mps.pid()).not.toBe(process.pid);
});

test("one that was killed is started anew", async () => {
  const mps = create();
  await mps.ensure();
  const pid = must(mps.pid(), "it runs");
  process.kill(serverPid(), "SIGKILL");
  process.kill(pid, "SIGKILL");
  await until("it is seen to be gone", () => mps.pid() === null);
  await mps.ensure();
  expect(mps.pid()).not.toBe(pid);
});

test("a program that is older than the control daemon has lost its own", async () => {
  const mps = create();
  const sleepWith = (): number => must(spawn("sleep", ["30"], { env: mps.env }).pid, "it runs");
  const early = sleepWith();
  expect(mps.hasLost(early)).toBe(true);
  await setTimeout(20);
  await mps.ensure();
  const late = sleepWith();
  expect([early, late].map((pid) => mps.hasLost(pid))).toEqual([true, false]);
  for (const pid of [early, late]) process.kill(pid);
});

test("a refusal is told with its words, and a program that is not there by its name", async () => {
  await expect(create({ FAKE_MPS_REFUSES: "MPS is not supported here" }).ensure()).rejects.toMatchObject({
    code: "gpu/unavailable",
    why: "MPS is not supported here",
  });
  const absent = createMps({ dir, clock: systemClock, program: "no-such-mps-control", env: {} });
  await expect(absent.ensure()).rejects.toMatchObject({
    why: expect.stringContaining("no-such-mps-control"),
  });
});

test("its folders are closed to others", async () => {
  await create().ensure();
  for (const folder of ["mps", "mps/pipe", "mps/log"])
    expect(execFileSync("stat", ["-c", "%a", join(dir, folder)], { encoding: "utf8" }).trim()).toBe("700");
});

import { expect, it } from "vitest";
import { buildOrch } from "../kit/built-orch.ts";
import { parseMix } from "./load.ts";
import { runKills } from "./run-kills.ts";

const KILLS = Number(process.env["ORCH_KILLS"] || 100);
const SEED = Number(process.env["ORCH_KILL_SEED"] || 1);
const MIX = parseMix(process.env["ORCH_KILL_MIX"] || "mixed");

it(`keeps every promise through ${KILLS} times kill -9 [fault 1]`, {
  timeout: 60_000 + KILLS * 6_000,
}, async () => {
  using built = await buildOrch();
  const report = await runKills(built.bin, { seed: SEED, kills: KILLS, clients: 3, mix: MIX });
  const readyMs = report.readyMs.toSorted((a, b) => a - b);
  const percentile = (share: number): string =>
    `${Math.round(readyMs[Math.floor(readyMs.length * share)] ?? 0)} ms`;
  console.log(
    `${report.kills} kills, ${report.jobs} jobs; ready again after ${percentile(0.5)} (median), ${percentile(0.999)} (longest)`,
  );
  expect(report.violations).toEqual([]);
  expect(report.kills).toBe(KILLS);
  expect(report.jobs).toBeGreaterThan(KILLS);
});

import { expect, it } from "vitest";
import { sharedOrch } from "../kit/built-orch.ts";
import { preparePodman } from "../kit/podman.ts";
import type { Survivors } from "./checker.ts";
import { parseMix } from "./load.ts";
import { type KillReport, runKills } from "./run-kills.ts";

const KILLS = Number(process.env["ORCH_KILLS"] || 100);
const SEED = Number(process.env["ORCH_KILL_SEED"] || 1);
const podman = await preparePodman();
const hasPodman = typeof podman !== "string";
const MIX = parseMix(process.env["ORCH_KILL_MIX"] || (hasPodman ? "both" : "mixed"));
const hasContainers = MIX === "both" || MIX === "containers";
const what = hasContainers ? "of processes and containers under load" : "of processes under load";

if (!hasPodman) it.skip(`keeps every promise of containers beside processes (skipped: ${podman})`);

it(`keeps every promise ${what} through ${KILLS} times kill -9 [fault 1]`, {
  timeout: 60_000 + KILLS * 6_000,
}, async () => {
  const options = { seed: SEED, kills: KILLS, clients: 3, mix: MIX, podman: hasPodman ? podman : null };
  const report = await runKills(await sharedOrch(), options);
  console.log(summary(report));
  expect(report.violations).toEqual([]);
  expect(report.kills).toBe(KILLS);
  expect(report.jobs).toBeGreaterThan(KILLS);
  if (MIX !== "both" || KILLS < 50) return;
  const states = new Set(report.survivors.flatMap(({ containers }) => containers));
  expect(states, "kills came over containers in each of these (and, by chance, stopping ones)").toEqual(
    expect.objectContaining(new Set(["starting", "ready"])),
  );
  expect(report.survivors.filter(isOfBoth).length, "kills over both kinds").toBeGreaterThan(KILLS / 2);
});

const isOfBoth = ({ processes, containers }: Survivors): boolean =>
  processes.length > 0 && containers.length > 0;

/** What is worth knowing of a run that went well. */
function summary({ kills, jobs, readyMs, survivors }: KillReport): string {
  const sorted = readyMs.toSorted((a, b) => a - b);
  const percentile = (share: number): string =>
    `${Math.round(sorted[Math.floor(sorted.length * share)] ?? 0)} ms`;
  const count = new Map<string, number>();
  for (const state of survivors.flatMap(({ containers }) => containers))
    count.set(state, (count.get(state) ?? 0) + 1);
  const states = [...count].map(([state, times]) => `${times} ${state}`).join(", ") || "none";
  return `seed ${SEED}: ${kills} kills, ${jobs} jobs; ready again after ${percentile(0.5)} (median), ${percentile(0.999)} (longest)
${survivors.filter(isOfBoth).length} kills over processes and containers at once; containers then: ${states}`;
}

import { expect, it } from "vitest";
import { buildOrch } from "../kit/built-orch.ts";
import { preparePodman } from "../kit/podman.ts";
import { mutants } from "./mutants.ts";
import { runKills } from "./run-kills.ts";

const KILLS = Number(process.env["ORCH_CONTAINER_KILLS"] || 10);
const podman = await preparePodman();
const why = typeof podman === "string" ? podman : null;
const suffix = why === null ? "" : ` (skipped: ${why})`;

it.skipIf(why !== null)(
  `keeps every promise of workers in containers through ${KILLS} kills${suffix}`,
  {
    timeout: 60_000 + KILLS * 5_000,
  },
  async () => {
    if (typeof podman === "string") return;
    using built = await buildOrch();
    const report = await runKills(built.bin, { seed: 3, kills: KILLS, clients: 3, mix: "residents", podman });
    expect(report.violations).toEqual([]);
    expect(report.kills).toBe(KILLS);
  },
);

it.skipIf(why !== null)(
  `finds an orch that gives leases back while containers run${suffix}`,
  {
    timeout: 120_000,
  },
  async () => {
    if (typeof podman === "string") return;
    const mutant = mutants.find(({ name }) => name.startsWith("gives the leases of a worker back"));
    using built = await buildOrch(mutant?.mutations);
    const options = { seed: 7, kills: 8, clients: 3, mix: "residents", podman } as const;
    expect((await runKills(built.bin, options)).violations.join("\n")).toMatch(/^I[0-4]: /m);
  },
);

import { setTimeout as sleep } from "node:timers/promises";
import { createRng } from "../../src/std/rng.ts";
import { createOrchHome, type DaemonProcess, type OrchHome } from "../kit/orch-home.ts";
import type { Podman } from "../kit/podman.ts";
import { type Checker, createChecker, type Survivors } from "./checker.ts";
import { type Load, type Mix, startLoad } from "./load.ts";
import { type KillWorld, layOutPrograms } from "./programs.ts";

export interface KillOptions {
  readonly seed: number;
  readonly kills: number;
  readonly clients: number;
  readonly mix: Mix;
  /** Of the containers; null: no mix that has some. */
  readonly podman?: Podman | null;
}

/** What a run of kills showed. */
export interface KillReport {
  /** In the order found; empty = orch held. Each begins with the invariant it breaks. */
  readonly violations: readonly string[];
  readonly kills: number;
  readonly jobs: number;
  /** How long each daemon took to be ready, in milliseconds. */
  readonly readyMs: readonly number[];
  /** What lived when the daemon was killed, kill by kill. */
  readonly survivors: readonly Survivors[];
}

/** More than one where containers and processes are to be on them at once. */
const gpusOf = (mix: Mix): string => (mix === "both" ? "virtual:3x1GiB" : "virtual:1x1GiB");

/** No more one-shot containers than there is time for: each takes a second or two. */
const paceOf = (mix: Mix): number => (mix === "one-shot-containers" ? 1_500 : 40);

/** What a kill waits for: mostly nothing, now and then a container that begins or ends. */
const awaitedStates = [null, null, null, null, null, "starting", "stopping", "stopping"] as const;

/** No more waiting jobs than can be worked off in a few seconds. */
const MOST_COMMANDS = 60;
const MOST_GPU_JOBS = 15;
const DRAIN_MS = 60_000;
const READY_MS = 15_000;
const AWAIT_MS = 2_000;

/**
 * Kills the daemon of `bin` with SIGKILL again and again under load, then lets it finish its jobs and stops it. Ends
 * at the first violation.
 */
export async function runKills(bin: string, options: KillOptions): Promise<KillReport> {
  await using home = createOrchHome(bin, { ORCH_CPU_CORES: "4", ORCH_QUANTUM_FACTOR: "1" });
  const { mix, podman = null } = options;
  const world = layOutPrograms(home, podman);
  const rng = createRng(options.seed);
  if (mix === "both") await pinContainer(home);
  const load = startLoad({ home, world, rng, clients: options.clients, mix, paceMs: paceOf(mix) });
  const checker = createChecker(home, world, load);
  const readyMs: number[] = [];
  const survivors: Survivors[] = [];
  let kills = 0;
  try {
    const violations = await untilViolated(async () => {
      // Now and then it dies before it is ready.
      const lifeMs = rng.chance(0.15) ? rng.below(250) : null;
      const awaited = mix === "both" ? rng.pick(awaitedStates) : null;
      const restMs = slowMixes.includes(mix) ? 300 + rng.below(900) : 20 + rng.below(280);
      // And now and then while it is on its way out.
      const leaveMs = rng.chance(0.15) ? rng.below(80) : null;
      const gpus = gpusOf(mix);
      const found = await live(home, checker, load, { gpus, lifeMs, awaited, restMs, leaveMs, readyMs });
      survivors.push(checker.survivors());
      kills += 1;
      return kills >= options.kills && found.length === 0 ? null : found;
    });
    await load.stop();
    const atEnd = violations.length > 0 ? [] : await finish(home, checker, gpusOf(mix), podman);
    return { violations: [...violations, ...atEnd], kills, jobs: load.promised.size, readyMs, survivors };
  } finally {
    await load.stop();
    await removeContainers(world, podman);
  }
}

/** The daemons live long enough for residents to take turns on one GPU, and for containers to begin. */
const slowMixes: readonly Mix[] = [
  "residents",
  "containers",
  "one-container",
  "one-shot-containers",
  "container-and-process",
];

/** One container lives through all kills and has jobs all the time, while others come and go beside it. */
async function pinContainer(home: OrchHome): Promise<void> {
  const daemon = await home.daemon("--gpus", gpusOf("both"));
  const { name } = await home.client.call("POST /workers/start", { runtime: "gamma" });
  await home.client.call("POST /workers/:worker/pin", { worker: name, pinned: true });
  await daemon.kill();
}

/** Waits until a container begins, or ends, so that the kill comes in the midst of that; not for ever. */
async function untilContainer(checker: Checker, state: string): Promise<void> {
  const endMs = performance.now() + AWAIT_MS;
  while (!checker.survivors().containers.includes(state) && performance.now() < endMs) await sleep(20);
}

/** Repeats until there is a violation (given), or null says that it is enough. */
async function untilViolated(round: () => Promise<string[] | null>): Promise<string[]> {
  for (;;) {
    const found = await round();
    if (found === null) return [];
    if (found.length > 0) return found;
  }
}

interface Life {
  readonly gpus: string;
  /** Killed so long after its start, ready or not; null = `restMs` after it was ready. */
  readonly lifeMs: number | null;
  /** A state that a container is to be in before `restMs` begin; null = whatever comes. */
  readonly awaited: string | null;
  readonly restMs: number;
  /** Told to stop so long before the SIGKILL; null = not at all. */
  readonly leaveMs: number | null;
  readonly readyMs: number[];
}

/** One daemon from its start to its SIGKILL. */
async function live(home: OrchHome, checker: Checker, load: Load, life: Life): Promise<string[]> {
  const daemon = home.launchDaemon("--gpus", life.gpus);
  if (life.lifeMs !== null) {
    await sleep(life.lifeMs);
    await daemon.kill();
    return [];
  }
  const refusal = await untilReady(daemon, life.readyMs);
  if (refusal !== null) return [refusal];
  const violations = checker.look();
  const { commands, gpuJobs } = checker.liveJobs();
  load.paused.commands = commands > MOST_COMMANDS;
  load.paused.gpuJobs = gpuJobs > MOST_GPU_JOBS;
  if (life.awaited !== null) await untilContainer(checker, life.awaited);
  await sleep(life.restMs);
  if (!daemon.isRunning()) return [endedByItself(daemon), ...checker.look()];
  if (life.leaveMs !== null) {
    daemon.signal("SIGTERM");
    await sleep(life.leaveMs);
  }
  await daemon.kill();
  return violations;
}

async function untilReady(daemon: DaemonProcess, readyMs: number[]): Promise<string | null> {
  try {
    const late = sleep(READY_MS, null, { ref: false });
    const tookMs = await Promise.race([daemon.ready, late]);
    if (tookMs === null) return `I0: a daemon was not ready after ${READY_MS} ms`;
    readyMs.push(tookMs);
    return null;
  } catch (error) {
    return `I0: ${String(error)}`;
  }
}

function endedByItself(daemon: { stderr(): string }): string {
  return `I0: the daemon ended by itself: ${daemon.stderr()}`;
}

/** Lets the last daemon finish what there is, looks at everything, and stops it with `orch down --kill`. */
async function finish(
  home: OrchHome,
  checker: Checker,
  gpus: string,
  podman: Podman | null,
): Promise<string[]> {
  const daemon = home.launchDaemon("--gpus", gpus);
  const refusal = await untilReady(daemon, []);
  if (refusal !== null) return [refusal];
  const endMs = performance.now() + DRAIN_MS;
  const isLeft = (): boolean => Object.values(checker.liveJobs()).some((count) => count > 0);
  while (isLeft() && performance.now() < endMs && daemon.isRunning()) await sleep(50);
  if (!daemon.isRunning()) return [endedByItself(daemon), ...checker.look()];
  const violations = checker.lookAtEnd();
  // One program that has to be stopped, so that there is something to be left behind.
  await home.orch(["run", "-d", "--", "sh", "-c", "trap 'sleep 0.3' TERM; sleep 60 & wait"]);
  const status = await home.client.call("GET /status", {}).catch((error: unknown) => {
    if (daemon.isRunning()) throw error;
    return null;
  });
  if (status === null) return [endedByItself(daemon), ...checker.look()];
  const { code, stderr } = await home.orch(["down", "--kill"]);
  if (code !== 0) violations.push(`I4: orch down --kill ended with ${code}: ${stderr}`);
  const left = home.programs();
  if (left.length > 0) violations.push(`I4: processes ${left.join(", ")} are left behind`);
  const containers = (await podman?.containersOf(status.instance)) ?? [];
  if (containers.length > 0) violations.push(`I4: containers ${containers.join(", ")} are left behind`);
  return violations;
}

/** What a violated orch has left running would outlive the home: inside, nothing tells whose it is. */
async function removeContainers(world: KillWorld, podman: Podman | null): Promise<void> {
  const names = await podman?.call("ps", "-aq", "--filter", `volume=${world.dir}`);
  if (podman && names) await podman.call("rm", "-f", "-t", "0", ...names.split("\n"));
}

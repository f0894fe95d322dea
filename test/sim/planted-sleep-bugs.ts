import type { PlantedBug } from "./planted-bugs.ts";

/** Mistakes that are easily made where workers sleep and are woken. */
export const sleepBugs: readonly PlantedBug[] = [
  {
    name: "a worker that was only told to sleep counts as asleep",
    file: "sleep-transitions.ts",
    find: 'tx.effects.push({ type: "sleep-worker", workerId: worker.id });',
    replace:
      'tx.effects.push({ type: "sleep-worker", workerId: worker.id }); settleAsleep(tx, worker, null);',
    why: "the next model is loaded while the memory is still held",
  },
  {
    name: "what sleepers hold is not counted",
    file: "fits.ts",
    find: "return sleeping === 0 || sleeping + neededBytes(policy, lane, gpu) <= usableBytes(policy, gpu);",
    replace: "return true;",
    why: "a model that needs the whole GPU runs out of memory beside those that sleep",
  },
  {
    name: "a worker wakes with the fence it fell asleep with",
    file: "sleep-transitions.ts",
    find: "worker.fence = tx.state.lastFence;",
    replace: "",
    why: "news of its last sleep is taken for news of this one",
  },
  {
    name: "a restart does not wake whoever was being woken",
    file: "restore.ts",
    find: 'if (worker.phase.state === "waking") effects.push({ type: "wake-worker", workerId: worker.id });',
    replace: "",
    why: "the lane waits for ever for a worker that sleeps on",
  },
  {
    name: "a worker that does not wake is left alone",
    file: "sleep-reports.ts",
    find: '  stop(tx, worker, "sleep-failed");\n}\n\n/**',
    replace: "}\n\n/**",
    why: "it sits on its GPU and never serves a job",
  },
  {
    name: "nobody who sleeps makes room",
    file: "lanes.ts",
    find: 'return worker.pinned || (grows && worker.lane.queue.size > 0) ? null : "drain";',
    replace: "return null;",
    why: "a lane that needs the whole GPU waits for one that sleeps on it",
  },
  {
    name: "memory in which others sleep is not given to who waits for it",
    file: "take-host.ts",
    find: "if (!hasRam) takeFromSleepers(round.tx, lane);",
    replace: "",
    why: "a job waits for memory that a worker uses to sleep",
  },
  {
    name: "sleeping takes no memory of the host",
    file: "sleep.ts",
    find: "return ramBytes === 0 || hostUse(state).ramBytes + sleepRamBytes(worker) <= ramBytes;",
    replace: "return true;",
    why: "the kernel kills somebody for the host's memory",
  },
  {
    name: "whoever sleeps is kept for ever",
    file: "idle.ts",
    find: 'return phase.state === "asleep" ? phase.idleSinceMs + ASLEEP_KEEP_ALIVES * keepAliveMs : null;',
    replace: "return null;",
    why: "the host's memory fills with models that nobody wants any more",
  },
  {
    name: "old news of a sleep is believed",
    file: "sleep-reports.ts",
    find: 'if (worker.phase.state !== "falling-asleep" || worker.fence !== report.fence) return;',
    replace: 'if (worker.phase.state !== "falling-asleep") return;',
    why: "a worker counts as asleep that still holds its memory",
  },
  {
    name: "old news of a waking is believed",
    file: "reports.ts",
    find: 'if (phase.state !== "waking" || worker.fence !== report.fence) return;',
    replace: 'if (phase.state !== "waking") return;',
    why: "jobs are handed to a worker that still sleeps",
  },
];

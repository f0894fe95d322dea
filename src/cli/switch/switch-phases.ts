import type { EventView } from "../../protocol/views.ts";

export type SwitchPhaseName =
  | "prepare"
  | "drain"
  | "sleep"
  | "stop"
  | "VRAM wait"
  | "environment"
  | "start"
  | "load"
  | "wake";

/** A stretch of a switch. */
export interface SwitchPhase {
  readonly phase: SwitchPhaseName;
  /** The worker that it is about, or the lane that is prepared. */
  readonly about: string;
  readonly fromMs: number;
  /** Null while it goes on. */
  readonly toMs: number | null;
  /** What is being done, as the event log has it. */
  readonly text: string;
}

/** How the switch stands, as far as the events tell. */
export interface SwitchAccount {
  readonly phases: readonly SwitchPhase[];
  /** Of the worker that is being made ready; null until that is decided. */
  readonly end: { readonly how: "ready" | "failed"; readonly atMs: number; readonly text: string } | null;
}

/** Who makes room says so: others end for reasons of their own. */
const MAKES_ROOM = /\((evicted|switched|preempted|ram-needed)\)$/;
const OWN_PHASES: Readonly<Record<string, SwitchPhaseName>> = {
  "worker-starting": "VRAM wait",
  "worker-vram": "VRAM wait",
  "worker-environment": "environment",
  "worker-spawn": "start",
  "worker-load": "load",
  "worker-waking": "wake",
};
const READY = new Set(["worker-ready", "worker-woken"]);
const OVER = new Set(["worker-failed", "worker-gone", "worker-sleep-failed"]);

/**
 * Reads the event log of a switch.
 * @param events since it was asked for, oldest first
 * @param worker the one that is made ready; null as long as it is not known: then only who makes room is seen
 */
export function accountOf(events: readonly EventView[], worker: string | null): SwitchAccount {
  const phases: SwitchPhase[] = [];
  let isPlaced = false;
  let end: SwitchAccount["end"] = null;
  const close = (about: string, atMs: number): void => {
    for (const [at, phase] of phases.entries())
      if (phase.about === about && phase.toMs === null) phases[at] = { ...phase, toMs: atMs };
  };
  const open = (phase: SwitchPhaseName, about: string, event: EventView): void => {
    const atMs = Date.parse(event.at);
    if (phases.some((each) => each.about === about && each.phase === phase && each.toMs === null)) return;
    close(about, atMs);
    phases.push({ phase, about, fromMs: atMs, toMs: null, text: event.text });
  };
  for (const event of events) {
    if (event.type === "lane-preparing") open("prepare", "", event);
    if (event.type === "lane-prepared" || event.type === "lane-prepare-failed")
      close("", Date.parse(event.at));
    const about = event.worker;
    if (about === null) continue;
    if (about === worker) {
      isPlaced = true;
      const own = OWN_PHASES[event.type];
      if (own !== undefined) open(own, about, event);
      if (end === null && (READY.has(event.type) || OVER.has(event.type))) {
        const atMs = Date.parse(event.at);
        close(about, atMs);
        end = { how: READY.has(event.type) ? "ready" : "failed", atMs, text: event.text };
      }
    } else {
      const phase = phaseOfOther(event);
      if (phase !== null && !isPlaced) open(phase, about, event);
      else if (OVER.has(event.type) || event.type === "worker-asleep") close(about, Date.parse(event.at));
    }
  }
  return { phases, end };
}

/** A worker that makes room says first that it does; what it does then goes on for that reason. */
function phaseOfOther({ type, text }: EventView): SwitchPhaseName | null {
  if (!MAKES_ROOM.test(text)) return null;
  if (type === "worker-draining") return "drain";
  if (type === "worker-falling-asleep") return "sleep";
  return type === "worker-stopping" ? "stop" : null;
}

import type { Clock } from "../../../std/clock.ts";
import { type Node, nodes } from "./routed-book.ts";

/** How busy the nodes are with what was routed to them. */
export interface Loads {
  begin(node: Node): void;
  end(node: Node, tookMs: number, overheadMs: number): void;
  /** 0 to 100. */
  load(node: Node): number;
  all(): Record<Node, number>;
  active(node: Node): number;
  /** Of answers lately. */
  latencyMs(node: Node): number;
  /** What answers of nodes elsewhere took beyond their work, lately. */
  networkLatencyMs(): number;
}

/** Tasks at once, or within a few seconds, of which a node is two thirds full. */
const CAPACITY: Readonly<Record<Node, number>> = { EDGE: 20, CLOUD: 40, GPU: 10 };
/** A task that is over counts half after this long. */
const HALF_LIFE_MS = 5_000;
const FIRST_LATENCY_MS: Readonly<Record<Node, number>> = { EDGE: 5, CLOUD: 50, GPU: 20 };
const FADE = 0.2;

/** Nothing was routed yet. */
export function createLoads(clock: Pick<Clock, "monotonicMs">): Loads {
  const state = Object.fromEntries(
    nodes.map((node) => [
      node,
      { active: 0, recent: 0, atMs: clock.monotonicMs(), latencyMs: FIRST_LATENCY_MS[node] },
    ]),
  ) as Record<Node, { active: number; recent: number; atMs: number; latencyMs: number }>;
  let networkMs = 1;
  const fade = (node: Node): number => {
    const own = state[node];
    const nowMs = clock.monotonicMs();
    own.recent *= 2 ** (-(nowMs - own.atMs) / HALF_LIFE_MS);
    own.atMs = nowMs;
    return own.recent;
  };
  const load = (node: Node): number =>
    Math.round(1000 * (1 - Math.exp(-(state[node].active + fade(node)) / CAPACITY[node]))) / 10;
  return {
    load,
    begin(node) {
      state[node].active += 1;
    },
    end(node, tookMs, overheadMs) {
      const own = state[node];
      own.active -= 1;
      own.recent = fade(node) + 1;
      own.latencyMs += FADE * (tookMs - own.latencyMs);
      if (overheadMs > 0) networkMs += FADE * (overheadMs - networkMs);
    },
    all: () => Object.fromEntries(nodes.map((node) => [node, load(node)])) as Record<Node, number>,
    active: (node) => state[node].active,
    latencyMs: (node) => Math.round(state[node].latencyMs * 10) / 10,
    networkLatencyMs: () => Math.round(networkMs * 10) / 10,
  };
}

import { type Node, nodes } from "./routed-book.ts";

// Which node a task goes to. What is learned is how long a node takes: a linear model of the logarithm of the time, by ridge
// regression around a prior, one observation at a time (recursive least squares). What a node costs is known, how often it
// fails is counted. The choice weighs the three by what the task asks for; the rules that users rely on are part of the prior.

/** What is known of a task before it is routed, besides its type. */
export interface Asked {
  readonly priority: number;
  readonly latency: number;
  readonly costSensitivity: number;
  readonly requiresGpu: boolean;
}

/** How the nodes are, and what the task would cost there. */
export interface Situation {
  /** 0 to 100. */
  readonly loads: Readonly<Record<Node, number>>;
  readonly networkLatencyMs: number;
  /** Dollars. */
  readonly costs: Readonly<Record<Node, number>>;
}

export interface Choice {
  readonly node: Node;
  /** 0 to 1: the share of this node by a softmax of what speaks for each. */
  readonly confidence: number;
  /** What spoke for it, most important first. */
  readonly reasons: readonly string[];
  readonly features: readonly number[];
}

/** What came of a task. */
export interface Outcome {
  readonly node: Node;
  readonly features: readonly number[];
  readonly seconds: number;
  readonly succeeded: boolean;
}

/** A model of how long nodes take. */
export interface RoutingModel {
  choose(asked: Asked, situation: Situation): Choice;
  learn(outcome: Outcome): void;
  /** Seconds that a node is expected to take. */
  expect(node: Node, features: readonly number[]): number;
}

const SIZE = 9;
/** How many tasks the prior is worth: after as many, what was measured counts as much. */
const PRIOR_WEIGHT = 5;
/** Logarithm (base 10) of the seconds that a node is thought to take at first. */
const FIRST_LOG: Readonly<Record<Node, number>> = { EDGE: -1.7, CLOUD: -0.9, GPU: -1.2 };
/** By so much a node that is full is thought to be slower: half an order of magnitude. */
const FIRST_LOAD = 0.5;
/** Stronger than all that is weighed: a need, and what was promised to users. */
const RULE = 10;
const LOAD_WEIGHT = 6;

/** The prior alone. */
export function createRoutingModel(): RoutingModel {
  const learners = Object.fromEntries(
    nodes.map((node, at) => [node, createLearner(firstWeights(node, at))]),
  ) as Record<Node, Learner>;
  const expect = (node: Node, features: readonly number[]): number =>
    10 ** Math.min(3, Math.max(-4, learners[node].predict(features)));
  return {
    expect,
    learn({ node, features, seconds, succeeded }) {
      if (features.length !== SIZE) return;
      learners[node].count(succeeded);
      if (succeeded) learners[node].observe(features, Math.log10(Math.max(0.0001, seconds)));
    },
    choose(asked, situation) {
      const features = featuresOf(asked, situation);
      const scores = nodes.map((node) => {
        const seconds = expect(node, features);
        return scoreOf(node, asked, situation, { seconds, failing: learners[node].failing() });
      });
      const best = Math.max(...scores);
      const node = nodes[scores.indexOf(best)] ?? "EDGE";
      const total = scores.reduce((sum, score) => sum + Math.exp(score - best), 0);
      const confidence = Math.round((1 / total) * 10_000) / 10_000;
      return {
        node,
        confidence,
        features,
        reasons: reasonsFor(node, asked, situation, expect(node, features)),
      };
    },
  };
}

/** A one, priority, latency, need of a GPU, three loads, network latency, cost: all about 0 to 1. */
function featuresOf(
  { priority, latency, costSensitivity, requiresGpu }: Asked,
  { loads, networkLatencyMs }: Situation,
) {
  return [
    ...[1, priority / 10, latency / 10, requiresGpu ? 1 : 0],
    ...nodes.map((node) => loads[node] / 100),
    ...[Math.min(1, networkLatencyMs / 1000), costSensitivity / 10],
  ];
}

function firstWeights(node: Node, at: number): number[] {
  const weights = new Array<number>(SIZE).fill(0);
  weights[0] = FIRST_LOG[node];
  weights[4 + at] = FIRST_LOAD;
  return weights;
}

interface Expected {
  readonly seconds: number;
  /** The share that fails, 0 to 1. */
  readonly failing: number;
}

function scoreOf(
  node: Node,
  asked: Asked,
  { loads, costs }: Situation,
  { seconds, failing }: Expected,
): number {
  // From a millisecond to ten seconds.
  const slow = Math.min(1.5, Math.max(0, (Math.log10(seconds) + 3) / 4));
  const dear = costs[node] / Math.max(costs.EDGE, costs.CLOUD, costs.GPU, 1e-9);
  const weighed =
    4 * (asked.latency / 10) * slow +
    1.5 * (asked.costSensitivity / 10) * dear +
    LOAD_WEIGHT * (loads[node] / 100) +
    4 * failing;
  return (ruled(asked, loads) === node ? RULE : 0) + (isShunned(node, asked, loads) ? -RULE : 0) - weighed;
}

/** The node that a task has to go to, whatever was learned; null = the best one. */
function ruled(asked: Asked, loads: Situation["loads"]): Node | null {
  if (asked.requiresGpu) return isGpuTooBusy(asked, loads) ? null : "GPU";
  if (asked.latency >= 8) return "EDGE";
  return asked.costSensitivity >= 8 && asked.priority <= 4 ? "CLOUD" : null;
}

function isGpuTooBusy({ priority }: Asked, loads: Situation["loads"]): boolean {
  return loads.GPU > 90 && priority < 4;
}

function isShunned(node: Node, asked: Asked, loads: Situation["loads"]): boolean {
  return node === "GPU" && asked.requiresGpu && isGpuTooBusy(asked, loads);
}

function reasonsFor(node: Node, asked: Asked, { loads, costs }: Situation, seconds: number): string[] {
  const rule = ruled(asked, loads);
  const first =
    rule === "GPU"
      ? "GPU required"
      : rule === "EDGE"
        ? `Latency sensitive (${asked.latency}/10)`
        : rule === "CLOUD"
          ? `Cost sensitive (${asked.costSensitivity}/10) at low priority (${asked.priority}/10)`
          : asked.requiresGpu
            ? `GPU overloaded (${Math.round(loads.GPU)}%) and priority low (${asked.priority}/10)`
            : "Balanced by load, time and cost";
  return [
    first,
    `${node} load ${Math.round(loads[node])}%, expected ${formatSeconds(seconds)}`,
    `Cost $${costs[node].toFixed(4)}`,
  ];
}

function formatSeconds(seconds: number): string {
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${seconds.toFixed(1)} s`;
}

interface Learner {
  predict(features: readonly number[]): number;
  observe(features: readonly number[], value: number): void;
  count(succeeded: boolean): void;
  failing(): number;
}

/** Recursive least squares; the prior of a success rate is 19 in 20, what is past fades by a hundredth a task. */
function createLearner(weights: number[]): Learner {
  const spread = Array.from({ length: SIZE }, (_, row) =>
    Array.from({ length: SIZE }, (_unused, column) => (row === column ? 1 / PRIOR_WEIGHT : 0)),
  );
  let failed = 1;
  let all = 20;
  const dot = (left: readonly number[], right: readonly number[]): number =>
    left.reduce((sum, value, at) => sum + value * (right[at] ?? 0), 0);
  return {
    predict: (features) => dot(weights, features),
    observe(features, value) {
      const gain = spread.map((row) => dot(row, features));
      const scale = 1 + dot(features, gain);
      const error = value - dot(weights, features);
      for (const [at, part] of gain.entries()) weights[at] = (weights[at] ?? 0) + (part / scale) * error;
      for (const [row, values] of spread.entries())
        for (const column of values.keys())
          values[column] = (values[column] ?? 0) - ((gain[row] ?? 0) * (gain[column] ?? 0)) / scale;
    },
    count(succeeded) {
      failed = failed * 0.99 + (succeeded ? 0 : 1);
      all = all * 0.99 + 1;
    },
    failing: () => Math.min(1, failed / all),
  };
}

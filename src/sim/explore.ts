import { AssertionFailed } from "../std/assert.ts";
import type { Scope } from "./explore-scopes.ts";
import { type Act, actsOf, describeAct, doAct } from "./small-acts.ts";
import { beginSmallWorld, createSmallWorld, type SmallWorld } from "./small-world.ts";
import { keyOf } from "./state-key.ts";

/** What came of a scope. */
export interface Explored {
  readonly states: number;
  readonly transitions: number;
  /** Acts of the longest path that is the shortest to its state. */
  readonly depth: number;
  /** Null, or what went wrong and the shortest way to it. */
  readonly failure: string | null;
}

interface Node {
  readonly parent: Node | null;
  readonly act: Act | null;
  readonly depth: number;
  readonly acts: readonly Act[];
  readonly isQuiet: boolean;
  /** From where this can be reached without a fault. */
  readonly comesFrom: Node[];
  /** As it was when it was found, until something is done in it: saves one way there of two. */
  world: SmallWorld | null;
}

const MOST_ACTS_TO_REST = 300;
/** So many of the states that wait to be looked at are kept whole: all of them would take too much memory. */
const MOST_WORLDS = 2_000;

/**
 * Looks at every state that a scope can come to, breadth first: each act in each state, with all checks after its step.
 * Then it makes sure that from each of them a quiet end (no job unfinished, no worker left) can be reached by acts that are
 * no faults: a state from which that is impossible is one where jobs wait for ever. A state is not stored but found again
 * by doing its acts anew, so this needs to know nothing of how the scheduler keeps its state.
 * @param mostStates gives up there: a scope that is larger is a mistake in the scope or in `keyOf`
 */
export function explore(scope: Scope, mostStates = 200_000): Explored {
  const first = createSmallWorld(scope);
  const begun = attempt(() => beginSmallWorld(first));
  if (begun !== null) return { states: 1, transitions: 1, depth: 0, failure: `${begun}\n  1. the beginning` };
  const root = nodeOf(first, null, null);
  root.world = first;
  const nodes = new Map<string, Node>([[keyOf(first), root]]);
  const queue = [root];
  let transitions = 0;
  const report = (failure: string | null): Explored => ({
    states: nodes.size,
    transitions,
    depth: queue.at(-1)?.depth ?? 0,
    failure,
  });
  for (const [looked, node] of queue.entries()) {
    for (const act of node.acts) {
      transitions += 1;
      const world = takeWorld(node) ?? revisit(scope, node);
      const failure = attempt(() => doAct(world, act));
      if (failure !== null) return report(`${failure}\n${pathTo(node, act)}`);
      const key = keyOf(world);
      let next = nodes.get(key);
      if (next === undefined) {
        next = nodeOf(world, node, act);
        nodes.set(key, next);
        if (queue.push(next) - looked < MOST_WORLDS) next.world = world;
        if (nodes.size > mostStates) return report(`more than ${mostStates} states`);
      }
      if (!act.isFault) next.comesFrom.push(node);
    }
  }
  const stuck = firstStuck(scope, queue);
  return report(stuck === undefined ? null : `from here no quiet end can be reached\n${pathTo(stuck, null)}`);
}

function nodeOf(world: SmallWorld, parent: Node | null, act: Act | null): Node {
  const depth = (parent?.depth ?? -1) + 1;
  return { parent, act, depth, acts: actsOf(world), isQuiet: isQuiet(world), comesFrom: [], world: null };
}

function takeWorld(node: Node): SmallWorld | null {
  const { world } = node;
  node.world = null;
  return world;
}

/** No job is unfinished and no worker left. */
function isQuiet({ submitted, scope, state }: SmallWorld): boolean {
  return submitted === scope.jobs.length && state.jobs.size === 0 && state.workers.size === 0;
}

/** Comes to the state of a node once more, without the checks, which were made when it was found. */
function revisit(scope: Scope, node: Node): SmallWorld {
  const world = createSmallWorld(scope);
  world.checks = false;
  beginSmallWorld(world);
  for (const { act } of ancestry(node)) if (act !== null) doAct(world, act);
  world.checks = true;
  return world;
}

function ancestry(node: Node): Node[] {
  const path: Node[] = [];
  for (let at: Node | null = node; at !== null; at = at.parent) path.push(at);
  return path.reverse();
}

function attempt(act: () => void): string | null {
  try {
    act();
    return null;
  } catch (error) {
    if (error instanceof AssertionFailed) return error.message;
    throw error;
  }
}

/**
 * The first state from which no quiet one can be reached, by going back from all quiet ones. Where keys put together states
 * that differ, that may find too few ways; so whatever seems stuck is let run on for real.
 */
function firstStuck(scope: Scope, nodes: readonly Node[]): Node | undefined {
  const good = new Set<Node>(nodes.filter((node) => node.isQuiet));
  for (const node of good) for (const before of node.comesFrom) good.add(before);
  return nodes.find((node) => !good.has(node) && !comesToRest(revisit(scope, node)));
}

/** Whether all comes to a quiet end when nothing goes wrong any more and time passes only when nothing else happens. */
function comesToRest(world: SmallWorld): boolean {
  for (let count = 0; count < MOST_ACTS_TO_REST; count++) {
    if (isQuiet(world)) return true;
    const act = actsOf(world).find(
      ({ what, isFault }) => !isFault && what !== "memory stays away" && what !== "pause",
    );
    if (act === undefined || attempt(() => doAct(world, act)) !== null) return false;
  }
  return false;
}

function pathTo(node: Node, act: Act | null): string {
  const acts = [...ancestry(node).map((at) => at.act), act].filter((each) => each !== null);
  return acts.map((each, index) => `  ${index + 1}. ${describeAct(each)}`).join("\n");
}

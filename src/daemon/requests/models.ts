import type { ServedModel } from "../../gateway/request-port.ts";
import { refuseOtherRuntime } from "../../operations/key-limits.ts";
import type { Caller } from "../../protocol/operation.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { State } from "../../scheduler/model.ts";
import { Failure } from "../../std/failure.ts";
import { suggest } from "../../std/suggest.ts";
import type { World } from "../world.ts";

type Registry = World["runtimes"];

/** What a name stands for. */
interface Named {
  readonly name: string;
  readonly runtime: Runtime;
  readonly params: ServedModel["params"];
}

/** How long names that were found are taken as they are, without a look at the disk: as the registry trusts runtimes. */
const TRUST_MS = 500;
const known = new WeakMap<Registry, { readonly untilMs: number; readonly names: Map<string, Named> }>();

/** All that a caller may name as a model: runtimes whose workers stay, and their aliases. */
export function servedModels(world: World, { key }: Pick<Caller, "key">): ServedModel[] {
  const names = [...look(world).values()];
  const allowed = names.filter(({ runtime }) => key?.runtimes?.includes(runtime.name) ?? true);
  const found = allowed.map((named) => viewNamed(named, world.state()));
  return found.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** @throws Failure runtime/unknown, permission/denied when the key is for other runtimes */
export function servedModel(world: World, name: string, caller: Caller): ServedModel {
  const trusted = known.get(world.runtimes);
  const isTrusted = trusted !== undefined && world.clock.monotonicMs() < trusted.untilMs;
  const named = (isTrusted ? trusted.names.get(name) : undefined) ?? look(world).get(name);
  if (named === undefined) throw unknownModel(name, servedModels(world, caller));
  refuseOtherRuntime(caller, named.runtime.name);
  return viewNamed(named, world.state());
}

/** A runtime's own name goes before an alias, and the first of two aliases before the second. */
function look({ runtimes, clock }: World): Map<string, Named> {
  const found = runtimes.list().flatMap((each) => ("runtime" in each ? [each.runtime] : []));
  const served = found.filter(({ protocol }) => protocol !== "exec");
  const names = new Map<string, Named>();
  for (const runtime of served) names.set(runtime.name, { name: runtime.name, runtime, params: {} });
  for (const runtime of served)
    for (const alias of runtime.aliases)
      if (!names.has(alias.name)) names.set(alias.name, { ...alias, runtime });
  known.set(runtimes, { untilMs: clock.monotonicMs() + TRUST_MS, names });
  return names;
}

function unknownModel(name: string, all: readonly ServedModel[]): Failure {
  const near = suggest(
    name,
    all.map((each) => each.name),
  );
  return new Failure("runtime/unknown", `there is no model ${JSON.stringify(name.slice(0, 200))}`, {
    why: near === undefined ? "a model is a runtime, or an alias in its file" : `did you mean ${near}?`,
    hint: "orch runtimes",
  });
}

function viewNamed({ name, runtime, params }: Named, state: State): ServedModel {
  const { protocol, summary, server } = runtime;
  return {
    name,
    runtime: runtime.name,
    params,
    protocol,
    summary,
    api: protocol === "openai" ? (server?.api ?? null) : null,
    isReady: isReady(runtime.name, state),
  };
}

function isReady(runtime: string, { workers }: State): boolean {
  for (const { lane, phase } of workers.values())
    if (lane.spec.runtime === runtime && phase.state === "ready") return true;
  return false;
}

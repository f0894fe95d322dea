import type { ServedModel } from "../../gateway/request-port.ts";
import { refuseOtherRuntime } from "../../operations/key-limits.ts";
import type { Caller } from "../../protocol/operation.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { State } from "../../scheduler/model.ts";
import { Failure } from "../../std/failure.ts";
import { suggest } from "../../std/suggest.ts";
import type { World } from "../world.ts";

/** All that a caller may name as a model: runtimes whose workers stay, and their aliases. */
export function servedModels({ runtimes, state }: World, { key }: Pick<Caller, "key">): ServedModel[] {
  const found: ServedModel[] = [];
  for (const each of runtimes.list()) {
    if (!("runtime" in each) || each.runtime.protocol === "exec") continue;
    if (key?.runtimes != null && !key.runtimes.includes(each.name)) continue;
    found.push(...modelsOf(each.runtime, state()));
  }
  return found.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** @throws Failure runtime/unknown, permission/denied when the key is for other runtimes */
export function servedModel(world: World, name: string, caller: Caller): ServedModel {
  const all = servedModels(world, {});
  const found = all.find((each) => each.name === name);
  if (found === undefined)
    throw new Failure("runtime/unknown", `there is no model ${JSON.stringify(name.slice(0, 200))}`, {
      why: "a model is a runtime, or an alias in its file",
      hint:
        suggest(
          name,
          all.map((each) => each.name),
        ) ?? "orch runtimes",
    });
  refuseOtherRuntime(caller, found.runtime);
  return found;
}

function modelsOf(runtime: Runtime, state: State): ServedModel[] {
  const { name, protocol, summary, server } = runtime;
  const common = {
    runtime: name,
    protocol,
    summary,
    api: protocol === "openai" ? (server?.api ?? null) : null,
    isReady: isReady(name, state),
  };
  return [{ ...common, name, params: {} }, ...runtime.aliases.map((alias) => ({ ...common, ...alias }))];
}

function isReady(runtime: string, { workers }: State): boolean {
  for (const { lane, phase } of workers.values())
    if (lane.spec.runtime === runtime && phase.state === "ready") return true;
  return false;
}

import type { Caller } from "../../../protocol/operation.ts";
import type { ParamView, RuntimeView } from "../../../protocol/views.ts";
import { Failure } from "../../../std/failure.ts";
import type { Json } from "../../../std/json.ts";
import type { GatewayPort } from "../../port.ts";
import { readResolution } from "./convert-params.ts";
import { knownApp, type Parameter } from "./known-apps.ts";
import type { App, Registry } from "./registry.ts";

/** The runtime that jobs of an app run on. */
export interface AppRuntime {
  readonly runtime: RuntimeView;
  /** Load params that its alias stands for. */
  readonly load: Readonly<Record<string, Json>>;
}

/** Runtimes as they are now, each with the app that it serves. */
export interface Runtimes {
  /** @throws Failure runtime/unknown, runtime/invalid */
  of(app: App): AppRuntime;
  /** The app whose jobs run on it; null = none. */
  appOf(runtime: string): App | null;
  /** All apps: those that are declared, else one of each runtime. */
  readonly apps: readonly App[];
  find(id: string): App | null;
}

/** Looks at the runtimes. */
export async function readRuntimes(port: GatewayPort, caller: Caller, registry: Registry): Promise<Runtimes> {
  const { runtimes } = await port.call("GET /runtimes", {}, caller);
  const known = new Map(runtimes.map((runtime) => [runtime.name, runtime]));
  const aliases = new Map(port.requests.models(caller).map((model) => [model.name, model]));
  const apps = registry.isGiven
    ? [...registry.apps.values()]
    : runtimes.filter(({ name }) => name !== REMOTE_RUNTIME).map((runtime) => appOfRuntime(runtime));
  const find = (id: string): App | null => {
    const own = apps.find((app) => app.id === id);
    if (own !== undefined) return own;
    const same = knownApp(id);
    return same === null ? null : (apps.find((app) => knownApp(app.id) === same) ?? null);
  };
  const of = (app: App): AppRuntime => {
    for (const name of namesOf(app)) {
      const alias = aliases.get(name);
      const runtime = known.get(alias?.runtime ?? name);
      if (runtime === undefined) continue;
      if (runtime.problem === null) return { runtime, load: alias?.params ?? {} };
      throw new Failure("runtime/invalid", `the runtime ${runtime.name} of app ${app.id} cannot be used`, {
        why: runtime.problem,
        hint: `orch runtimes validate ${runtime.dir}`,
      });
    }
    throw new Failure("runtime/unknown", `app ${app.id} has no runtime`, {
      why: `there is none called ${namesOf(app).join(" or ")}`,
      hint: `gateway.compat.jobs.apps: { ${JSON.stringify(app.id)}: { runtime: NAME } } in config.yaml`,
    });
  };
  const appOf = (name: string): App | null =>
    apps.find(
      (app) =>
        app.type === "local" && namesOf(app).some((each) => (aliases.get(each)?.runtime ?? each) === name),
    ) ?? null;
  return { of, appOf, apps, find };
}

/** Runs what needs no GPU of this host. Shipped with orch. */
export const REMOTE_RUNTIME = "remote-app";

/** What its runtime may be called: as the config has it, or as the app, or as its image. */
function namesOf(app: App): string[] {
  if (app.runtime !== null) return [app.runtime];
  const image = app.dockerImage ?? "";
  // Of registry.example/z-image:1.2 the name is z-image.
  const short = /([^/:@]+)(?:[:@][^/]*)?$/.exec(image)?.[1] ?? "";
  const names = [app.id, image, short, ...(knownApp(app.id)?.aliases ?? [])];
  return [...new Set(names)].filter((name) => name !== "");
}

function appOfRuntime({ name, summary, timeouts }: RuntimeView): App {
  return {
    id: name,
    name,
    type: "local",
    ...{ queue: null, endpoint: null, dockerImage: null, frontendUrl: null, vramGb: null, runtime: name },
    description: summary,
    timeoutSeconds: timeouts.jobMs === null ? null : timeouts.jobMs / 1000,
    parameters: knownApp(name)?.parameters ?? null,
    paramNames: {},
    cost: knownApp(name)?.cost ?? null,
    ...{ worker: null, priority: 0, gpu: null },
  };
}

/** The parameters of an app: its own, and those of its runtime that it does not name. */
export function parametersOf(app: App, runtime: RuntimeView): Parameter[] {
  const own = app.parameters ?? [];
  const taken = new Set(own.flatMap(({ name }) => [name, ...targetsOf(app, name, runtime)]));
  if (taken.has("resolution")) for (const name of ["width", "height"]) taken.add(name);
  const others = runtime.params.filter(({ name, load }) => !load && !taken.has(name));
  return [
    ...own,
    ...others.map((param) => ({
      ...parameterOf(param),
      required: param.required && app.parameters === null,
    })),
  ];
}

const TYPES = { integer: "integer", number: "float" } as const;

function parameterOf({ name, type, required, help }: ParamView): Parameter {
  const own = type === "integer" || type === "number" ? TYPES[type] : "string";
  return { name, type: own, required, default: null, description: help };
}

function targetsOf(app: App, name: string, { params }: RuntimeView): string[] {
  const wanted = [app.paramNames[name] ?? name, ...(knownApp(app.id)?.alsoCalled[name] ?? [])];
  const found = wanted.find((each) => params.some((param) => param.name === each));
  return found === undefined ? [] : [found];
}

/** The values of an app's parameters as params of its runtime. What the runtime has no name for is left out. */
export function paramsFor(
  app: App,
  runtime: RuntimeView,
  values: Readonly<Record<string, Json>>,
): Record<string, Json> {
  const params: Record<string, Json> = {};
  const has = (name: string): boolean => runtime.params.some((param) => param.name === name);
  for (const [name, value] of Object.entries(values)) {
    const [target] = targetsOf(app, name, runtime);
    if (target !== undefined) params[target] = value;
    else if (name === "resolution" && has("width") && has("height"))
      Object.assign(params, readResolution(value));
  }
  return params;
}

import { isAbsolute } from "node:path";
import { suggest } from "../std/suggest.ts";
import { checkContainer } from "./container-shape.ts";
import { placeholdersOf } from "./expand-command.ts";
import { gpuVariables } from "./gpu-environment.ts";
import type { Problem } from "./read-yaml.ts";
import type { Param } from "./runtime.ts";
import { paramNamePattern, type RuntimeFields } from "./schema.ts";

/** `orch run` shows its jobs under this name. */
const reservedName = "run";

const environmentName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** orch decides which GPU a worker sees and who it is; a runtime file may not. */
const isReserved = (name: string): boolean => gpuVariables.includes(name) || /^(?:ORCH|CUDA_MPS)_/.test(name);

/**
 * Upper-case names only: nearly every token holds a lower-case letter, so a value pasted by mistake is refused.
 * AKIA… and ASIA… are the access keys of AWS, which do not.
 */
const secretName = /^(?!(?:AKIA|ASIA)[A-Z0-9]{12})[A-Z_][A-Z0-9_]{0,63}$/;

/** Finds what is wrong across keys, after each key by itself was found right. */
export function checkFields(fields: RuntimeFields, folderName: string): Problem[] {
  return [
    ...checkName(fields, folderName),
    ...checkEngine(fields),
    ...checkContainer(fields),
    ...checkResources(fields),
    ...checkSleep(fields),
    ...checkEnvironment(fields),
    ...checkMounts(fields),
    ...checkParamNames(fields),
    ...checkEstimateBy(fields),
  ];
}

function checkName({ name }: RuntimeFields, folderName: string): Problem[] {
  if (name === reservedName) return [valueProblem(["name"], `"${name}" is taken by orch run`)];
  if (name === folderName) return [];
  return [valueProblem(["name"], `"${name}" is not the name of its folder, "${folderName}"`)];
}

function checkEngine(fields: RuntimeFields): Problem[] {
  const { engine, image, build, python, protocol, command } = fields;
  if (engine === "container") {
    const problems: Problem[] = [];
    if (image === undefined)
      problems.push(valueProblem(["image"], "engine container needs an image (with build, its tag)"));
    if (python)
      problems.push(keyProblem(["python"], "a container brings its own Python; this is for engine process"));
    return problems;
  }
  const foreign = image !== undefined ? "image" : build !== undefined ? "build" : null;
  if (foreign !== null) return [keyProblem([foreign], "is for engine container; this runtime is a process")];
  if (fields.mounts.length > 0)
    return [keyProblem(["mounts"], "is for engine container; a process sees the host's files")];
  if (protocol === "exec" && command === undefined) {
    return [valueProblem(["command"], "protocol exec needs a command, the program to run for each job")];
  }
  return [];
}

/**
 * Only a warm worker on a GPU has something to give back. Only the protocols orch and openai can ask for it; the driver can
 * freeze any, on one GPU.
 */
function checkSleep({ sleep, gpu, protocol, keepAlive }: RuntimeFields): Problem[] {
  if (sleep === null) return [];
  if (gpu.count === 0)
    return [keyProblem(["sleep"], "is for runtimes with a GPU: there is no VRAM to give back")];
  if (gpu.mps !== null && gpu.mps !== false) return [keyProblem(["sleep"], NO_SLEEP_WITH_MPS)];
  const why = sleep.level === "freeze" ? whyNoFreeze(gpu, protocol) : whyNoOwnSleep(protocol);
  if (why !== null) return [keyProblem(["sleep"], why)];
  if (keepAlive === 0)
    return [keyProblem(["sleep"], "makes no sense with keepAlive: 0, which stops idle workers at once")];
  return [];
}

const NO_SLEEP_WITH_MPS =
  "does not go with gpu.mps: a client of MPS keeps the memory limit that it was started with, and one that wakes gets a lease of its own";

function whyNoOwnSleep(protocol: RuntimeFields["protocol"]): string | null {
  if (protocol === "orch" || protocol === "openai") return null;
  const why = `is for the protocols orch and openai; workers of ${protocol} cannot sleep`;
  return protocol === "exec" ? why : `${why} by themselves (freeze may do)`;
}

function whyNoFreeze(gpu: RuntimeFields["gpu"], protocol: RuntimeFields["protocol"]): string | null {
  if (protocol === "exec") return "is for workers that stay; programs of protocol exec end with each job";
  if (gpu.count !== 1 || gpu.mode === "shared")
    return "freeze is for workers with one GPU of their own (count: 1, mode: exclusive)";
  return gpu.vendor === "amd" ? "freeze is what the driver of NVIDIA does; AMD's cannot" : null;
}

function checkResources({ gpu, replicas, protocol, slots, engine }: RuntimeFields): Problem[] {
  const problems: Problem[] = [];
  if (gpu.mode === "shared" && gpu.vram === null) {
    problems.push(
      valueProblem(["gpu", "vram"], "mode shared needs an amount, so that others know what is left"),
    );
  }
  if (
    gpu.mps !== null &&
    gpu.mps !== false &&
    (gpu.mode !== "shared" || gpu.vendor === "amd" || engine === "container")
  ) {
    const text = "is for processes with mode shared on GPUs of NVIDIA";
    problems.push(keyProblem(["gpu", "mps"], text));
  }
  if (gpu.count === 0 && gpu.vram !== null) {
    problems.push(valueProblem(["gpu", "vram"], "a runtime without a GPU (count: 0) can reserve no VRAM"));
  }
  if (replicas.min > replicas.max) {
    problems.push(valueProblem(["replicas", "min"], `${replicas.min} is more than max, ${replicas.max}`));
  }
  if (protocol === "exec" && slots !== 1) {
    problems.push(valueProblem(["slots"], "a program of protocol exec serves one job, so slots must be 1"));
  }
  return problems;
}

function checkEnvironment({ env, secrets }: RuntimeFields): Problem[] {
  const badNames = Object.keys(env).flatMap((name): Problem[] => {
    if (!environmentName.test(name))
      return [keyProblem(["env", name], "is not a name of an environment variable")];
    return isReserved(name) ? [keyProblem(["env", name], "is set by orch itself")] : [];
  });
  const badValues = Object.entries(env).flatMap(([name, value]) =>
    String(value).includes("\0") ? [valueProblem(["env", name], "must not hold a NUL character")] : [],
  );
  const badSecrets = secrets.flatMap((secret, index): Problem[] => {
    const path = ["secrets", index];
    if (!secretName.test(secret)) {
      return [
        valueProblem(path, "must be a name in capitals like HF_TOKEN; a value never goes into this file"),
      ];
    }
    if (isReserved(secret)) return [valueProblem(path, "is set by orch itself")];
    return Object.hasOwn(env, secret) ? [valueProblem(path, "is also under env; keep one of them")] : [];
  });
  return [...badNames, ...badValues, ...badSecrets];
}

function checkMounts({ mounts }: RuntimeFields): Problem[] {
  return mounts.flatMap(({ host, path }, index): Problem[] => {
    const problems: Problem[] = [];
    if (!isAbsolute(path)) problems.push(valueProblem(["mounts", index, "path"], "must be an absolute path"));
    const isRooted = isAbsolute(host) || host === "~" || host.startsWith("~/");
    if (!isRooted)
      problems.push(valueProblem(["mounts", index, "host"], "must be an absolute path or begin with ~/"));
    // "," and ":" separate the fields of the container CLIs' mount options, so they could smuggle options in.
    for (const [key, text] of [
      ["host", host],
      ["path", path],
    ] as const) {
      if (/[,:\0]/.test(text)) problems.push(valueProblem(["mounts", index, key], 'must hold no "," or ":"'));
    }
    return problems;
  });
}

/** `--a-b` and `--a_b` would look like one flag to people, so only one of them may be declared. */
function checkParamNames({ params }: RuntimeFields): Problem[] {
  const seen = new Map<string, string>();
  return Object.keys(params).flatMap((name): Problem[] => {
    if (!paramNamePattern.test(name)) {
      return [
        keyProblem(["params", name], "a param is named with letters, digits, '-' and '_', a letter first"),
      ];
    }
    const flat = name.toLowerCase().replaceAll("_", "-");
    const twin = seen.get(flat);
    seen.set(flat, name);
    return twin === undefined
      ? []
      : [keyProblem(["params", name], `is too like "${twin}" to be told apart as a flag`)];
  });
}

/** Run times are learned by few groups, so only params with few or ordered values can make them. */
function checkEstimateBy({ estimateBy, params }: RuntimeFields): Problem[] {
  return estimateBy.flatMap((name, index): Problem[] => {
    const param = Object.hasOwn(params, name) ? params[name] : undefined;
    if (param === undefined) {
      const near = suggest(name, Object.keys(params));
      const also = near === undefined ? "" : `; did you mean "${near}"?`;
      return [valueProblem(["estimateBy", index], `no param "${name}"${also}`)];
    }
    const isGroupable =
      param.type !== "file" &&
      param.type !== "json" &&
      (param.type !== "string" || param.choices !== undefined);
    if (isGroupable) return [];
    return [
      valueProblem(
        ["estimateBy", index],
        `"${name}" is ${param.type === "json" ? "json" : "text without choices"}: each job would be a group`,
      ),
    ];
  });
}

/** Finds what is wrong with the command of a runtime, whose params are known by now. */
export function checkCommand(fields: RuntimeFields, params: Readonly<Record<string, Param>>): Problem[] {
  const command = fields.command ?? [];
  const problems: Problem[] = [];
  for (const [index, argument] of command.entries()) {
    const path = ["command", index];
    const names = placeholdersOf(argument);
    if (argument.includes("\0")) problems.push(valueProblem(path, "must not hold a NUL character"));
    if (fields.protocol !== "exec" || names.length === 0) continue;
    // Whoever chooses the program owns the host: a job brings data only.
    if (index === 0) problems.push(valueProblem(path, "the program itself cannot come from a param"));
    for (const name of names) {
      if (Object.hasOwn(params, name)) continue;
      const near = suggest(name, Object.keys(params));
      problems.push(
        valueProblem(path, `no param "${name}"${near === undefined ? "" : `; did you mean "${near}"?`}`),
      );
    }
    const [only] = names;
    const param = only !== undefined && argument === `{${only}}` ? params[only] : undefined;
    const mayBeAbsent = param !== undefined && !param.required && param.default === undefined;
    const flag = command[index - 1] ?? "";
    if (mayBeAbsent && index > 1 && flag.startsWith("-")) {
      problems.push(
        valueProblem(
          path,
          `"${only}" is optional: write "${flag}={${only}}", so that both go when it is absent`,
        ),
      );
    }
  }
  return problems;
}

function valueProblem(path: readonly (string | number)[], why: string): Problem {
  return { path, at: "value", why };
}

function keyProblem(path: readonly (string | number)[], why: string): Problem {
  return { path, at: "key", why };
}

import { basename, join, resolve } from "node:path";
import { Failure } from "../std/failure.ts";
import { checkAliases } from "./check-aliases.ts";
import { checkCommand, checkFields } from "./check-fields.ts";
import { checkServer } from "./check-server.ts";
import { checkWarmUp } from "./check-warm-up.ts";
import { makeContainer } from "./container-shape.ts";
import { explainIssues } from "./explain-issue.ts";
import { makeParam } from "./make-param.ts";
import { type Path, type Problem, readYaml, type YamlSource, YamlSyntaxProblem } from "./read-yaml.ts";
import type { Param, Runtime } from "./runtime.ts";
import { type RuntimeFields, RuntimeShape } from "./schema.ts";
import { makeServer } from "./server-shape.ts";

/** A runtime.yaml is a page; 256 KB is far beyond any real one. */
export const maxRuntimeFileBytes = 256 * 1024;

/** Where a runtime file was found. */
export interface RuntimePlace {
  /** Absolute folder of runtime.yaml; its name must be the runtime's name. */
  readonly dir: string;
  readonly origin: Runtime["origin"];
}

/**
 * Reads the text of a runtime.yaml as a checked Runtime with every default filled in. Pure: touches no file.
 * @throws Failure runtime/invalid for the first thing wrong in the file: its message holds file:line:col and the
 * path of the key, its why says what is wrong
 */
export function parseRuntime(text: string, place: RuntimePlace): Runtime {
  const source = readSource(text, place);
  const parsed = RuntimeShape.safeParse(source.value ?? {});
  if (!parsed.success)
    throw firstFailure(explainIssues(parsed.error.issues, source.value ?? {}), source, place);
  const fields = parsed.data;
  const made = Object.entries(fields.params).map(([name, param]) => ({ name, ...makeParam(name, param) }));
  const params = Object.fromEntries(made.map(({ name, param }) => [name, param]));
  const problems = [
    ...checkFields(fields, basename(place.dir)),
    ...made.flatMap((one) => one.problems),
    ...checkCommand(fields, params),
    ...checkServer(fields, params),
    ...checkWarmUp(fields, params),
    ...checkAliases(fields, params),
  ];
  if (problems.length > 0) throw firstFailure(problems, source, place);
  return makeRuntime(fields, params, place);
}

function readSource(text: string, place: RuntimePlace): YamlSource {
  if (Buffer.byteLength(text) > maxRuntimeFileBytes) {
    throw invalidRuntime(place, { line: 1, col: 1 }, "the file is too large", "it is over 256 KB");
  }
  try {
    return readYaml(text);
  } catch (error) {
    if (!(error instanceof YamlSyntaxProblem)) throw error;
    throw invalidRuntime(place, error, "not a valid YAML document", error.message);
  }
}

/** The problem that stands first in the file: people mend a file from the top. */
function firstFailure(problems: readonly Problem[], source: YamlSource, place: RuntimePlace): Failure {
  const placed = problems.map((problem) => ({ ...problem, ...source.positionOf(problem.path, problem.at) }));
  const [first] = placed.toSorted((left, right) => left.line - right.line || left.col - right.col);
  if (first === undefined)
    return invalidRuntime(place, { line: 1, col: 1 }, "not a valid runtime", "unknown");
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more in this file)` : "";
  const what = first.path.length === 0 ? "not a runtime" : `"${formatPath(first.path)}" is not valid`;
  return invalidRuntime(place, first, what, `${first.why}${more}`);
}

/**
 * A Failure runtime/invalid about a place of a runtime file.
 * @param what follows file:line:col in the message
 */
export function invalidRuntime(
  place: RuntimePlace,
  position: { line: number; col: number },
  what: string,
  why: string,
): Failure {
  const file = join(place.dir, "runtime.yaml");
  return new Failure("runtime/invalid", `${file}:${position.line}:${position.col}: ${what}`, {
    why,
    hint: `mend it, then: orch runtimes validate ${place.dir}`,
  });
}

function formatPath(path: Path): string {
  return path
    .map((step, index) => (typeof step === "number" ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join("");
}

function makeRuntime(fields: RuntimeFields, params: Record<string, Param>, place: RuntimePlace): Runtime {
  const requirements = fields.python?.requirements;
  const requirementsPath = requirements === undefined ? null : resolve(place.dir, requirements);
  // A container's image knows its own command; a process needs one.
  const defaultCommand = fields.engine === "process" ? ["python3", "handler.py"] : [];
  return {
    name: fields.name,
    summary: fields.summary,
    dir: place.dir,
    origin: place.origin,
    engine: fields.engine,
    image: fields.image ?? null,
    build: fields.build === undefined ? null : resolve(place.dir, fields.build),
    container: fields.engine === "container" ? makeContainer(fields.container) : null,
    protocol: fields.protocol,
    server: serverOf(fields),
    command: fields.command ?? defaultCommand,
    python: fields.python ? { requirementsPath } : null,
    gpu: {
      count: fields.gpu.count,
      vramBytes: fields.gpu.vram,
      mode: fields.gpu.mode,
      vendor: fields.gpu.vendor,
      mps: mpsOf(fields.gpu.mps),
    },
    slots: fields.slots,
    replicas: fields.replicas,
    keepAliveMs: fields.keepAlive,
    minResidencyMs: fields.minResidency,
    sleep: sleepOf(fields),
    cpus: fields.cpus,
    ramBytes: fields.ram,
    timeouts: { readyMs: fields.timeouts.ready, jobMs: fields.timeouts.job, stopMs: fields.timeouts.stop },
    checkEveryMs: fields.checkEvery,
    warmUp: fields.warmUp,
    mounts: fields.mounts,
    secrets: fields.secrets,
    env: Object.fromEntries(Object.entries(fields.env).map(([name, value]) => [name, String(value)])),
    params,
    estimateBy: fields.estimateBy,
    outputs: fields.outputs,
    aliases: fields.aliases,
  };
}

function sleepOf({ sleep }: RuntimeFields): Runtime["sleep"] {
  if (sleep === null) return null;
  const { level, residue, ram, timeout } = sleep;
  return { level, residueBytes: residue, ramBytes: ram ?? null, timeoutMs: timeout };
}

function serverOf({ protocol, server }: RuntimeFields): Runtime["server"] {
  if (protocol === "orch" || protocol === "exec") return null;
  return makeServer(server);
}

function mpsOf(mps: RuntimeFields["gpu"]["mps"]): Runtime["gpu"]["mps"] {
  if (mps === null || typeof mps === "boolean") return mps === null ? null : { isOn: mps, threads: null };
  return { isOn: true, threads: mps.threads };
}

import type { InputOf } from "../../client/client.ts";
import type { JobDetail, ParamView, RuntimeView } from "../../protocol/views.ts";
import { parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { suggest } from "../../std/suggest.ts";
import { readTime } from "../submit/job-options.ts";
import { paramHelp } from "../submit/params.ts";
import { readYaml, writeYaml } from "../text/yaml-text.ts";

/** What of a job can be changed, as it stands in the document. */
interface Fields {
  readonly priority: Json;
  readonly retries: Json;
  readonly time: Json;
  readonly begin: Json;
  readonly deadline: Json;
  readonly params?: Readonly<Record<string, Json>>;
}

export type JobChange = Omit<InputOf<"POST /jobs/:job/update">, "job">;

const HELP: Readonly<Record<Exclude<keyof Fields, "params">, string>> = {
  priority: "-1000 to 1000, or a name such as high; higher goes first",
  retries: "run again this often after a failure",
  time: "stop it after this long, e.g. 90s or 2h; or none",
  begin: 'not before then, e.g. 22:00, "tomorrow 9:00" or +2h; or none',
  deadline: "must be done by then, else it is given up; or none",
};

/**
 * A waiting job as YAML with a comment at each line. `runtime` is null for a command, which has no params.
 */
export async function documentOf(job: JobDetail, runtime: RuntimeView | null): Promise<string> {
  const { params = {}, ...fields } = fieldsOf(job, runtime !== null);
  const lines = [
    `# job ${job.id} (${job.runtime}), ${job.state}. Save and close to change it; close it as it is to leave it so.`,
  ];
  for (const [name, value] of Object.entries(fields))
    lines.push(`${(await writeYaml({ [name]: value })).trimEnd()}  # ${HELP[name as keyof typeof HELP]}`);
  if (runtime === null) return `${lines.join("\n")}\n`;
  lines.push("params:  # without its line, a param gets its default");
  for (const param of runtime.params) lines.push(await paramLines(param, params));
  // What the runtime does not declare any more is shown, too: nothing is lost by an edit unseen.
  for (const [name, value] of Object.entries(params))
    if (!runtime.params.some((param) => param.name === name))
      lines.push(indented(await writeYaml({ [name]: value })));
  return `${lines.join("\n")}\n`;
}

/**
 * What somebody changed in the document.
 * @returns null if nothing
 * @throws Failure param/invalid, usage/invalid
 */
export async function changeIn(
  text: string,
  job: JobDetail,
  runtime: RuntimeView | null,
  nowMs: number,
): Promise<JobChange | null> {
  const before = fieldsOf(job, runtime !== null);
  const read = await readYaml(text, `job ${job.id}`);
  if (!isObject(read)) {
    throw new Failure("param/invalid", "the document is not a list of `name: value` lines", {
      hint: "close the editor without a change to leave the job as it is",
    });
  }
  for (const name of Object.keys(read)) if (!(name in before)) throw unknownField(name, Object.keys(before));
  const after = { ...before, ...read } as Readonly<Record<keyof Fields, Json>>;
  const isChanged = (name: keyof Fields): boolean =>
    JSON.stringify(after[name]) !== JSON.stringify(before[name]);
  const change: JobChange = {
    ...(isChanged("priority") ? { priority: after.priority as number } : {}),
    ...(isChanged("retries") ? { retries: after.retries as number } : {}),
    ...(isChanged("time") ? { timeLimitMs: spanOf(after.time) } : {}),
    ...(isChanged("begin") ? { begin: momentOf("begin", after.begin, nowMs) } : {}),
    ...(isChanged("deadline") ? { deadline: momentOf("deadline", after.deadline, nowMs) } : {}),
    ...(runtime !== null && isChanged("params") ? { params: paramsIn(after.params) } : {}),
  };
  return Object.keys(change).length === 0 ? null : change;
}

function fieldsOf(job: JobDetail, hasParams: boolean): Fields {
  return {
    priority: job.priority,
    retries: job.retries,
    time: job.timeLimitMs === null ? "none" : `${job.timeLimitMs / 1000}s`,
    begin: job.begin ?? "none",
    deadline: job.deadline ?? "none",
    ...(hasParams ? { params: job.params } : {}),
  };
}

async function paramLines(param: ParamView, given: Readonly<Record<string, Json>>): Promise<string> {
  const { name } = param;
  const help = `# ${paramHelp(param).replace(/\s+/g, " ")}`;
  const value = given[name];
  if (value === undefined || value === null) return `  # ${name}:  ${help}`;
  const text = indented(await writeYaml({ [name]: value }));
  return text.includes("\n") ? `  ${help}\n${text}` : `${text}  ${help}`;
}

function indented(yaml: string): string {
  return yaml.trimEnd().replace(/^(?=.)/gm, "  ");
}

function spanOf(value: Json): number | null {
  return isNone(value) ? null : parseDurationMs(String(value));
}

function momentOf(name: string, value: Json, nowMs: number): number | null {
  return isNone(value) ? null : readTime(name, String(value), nowMs);
}

function isNone(value: Json): boolean {
  return value === null || value === "none";
}

function paramsIn(value: Json): Record<string, Json> {
  if (value === null) return {};
  if (isObject(value)) return value;
  throw new Failure("param/invalid", "params is not a list of `name: value` lines");
}

function unknownField(name: string, known: readonly string[]): Failure {
  const near = suggest(name, known);
  return new Failure("usage/invalid", `"${name}" is nothing of a job that can be changed`, {
    why: near === undefined ? `that is ${known.join(", ")}` : `did you mean "${near}"?`,
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

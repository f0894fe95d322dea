import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import os from "node:os";
import { dirname, join } from "node:path";
import { type Client, createClient } from "../../client/client.ts";
import { loadConfig } from "../../config/config.ts";
import type { Environment } from "../../config/paths.ts";
import { secretValues } from "../../log/secret-names.ts";
import { systemClock } from "../../std/clock.ts";
import { toFailure } from "../../std/failure.ts";
import { packageVersion } from "../../std/package-version.ts";
import { askProgram } from "../ask-program.ts";
import { type ExamineOptions, examine } from "../doctor/examine.ts";
import { SERVICE_UNIT, SOCKET_UNIT, scopeOf } from "../service/scope.ts";
import { createScrubber } from "./scrub.ts";

export interface ReportOptions extends ExamineOptions {
  /** Jobs whose params and logs are to be enclosed, too. */
  readonly jobs: readonly number[];
}

type Section = readonly [title: string, text: string | Promise<string>];

const LOG_BYTES = 64 * 1024;
const EVENTS = 200;
const JOB_LINES = 200;
const CALL_MS = 5_000;
const DEADLINE_MS = 5_000;

/**
 * All that whoever mends orch asks for first, as one text without secrets. Params and logs of jobs are not in it but for those
 * asked for. Starts no daemon. Never rejects: what cannot be had says why.
 */
export async function collectReport(options: ReportOptions): Promise<string> {
  const found = await examine(options);
  const runs = found.findings.some(({ check, what }) => check === "daemon" && /^runs\b/.test(what));
  const client = runs ? createClient(options.paths.socket) : null;
  const sections: Section[] = [
    ["versions", JSON.stringify(versions(), null, 2)],
    ["doctor", JSON.stringify(found, null, 2)],
    ["paths", JSON.stringify(options.paths, null, 2)],
    ["environment", environmentOf(options.env)],
    ["config", configOf(options)],
    ["units", unitsOf(options)],
    ["journal", journalOf(options)],
    ["status", statusOf(client)],
    ["events", eventsOf(client)],
    ["daemon log", logOf(options)],
    ...options.jobs.map((job): Section => [`job ${job}`, jobOf(client, job)]),
  ];
  const scrub = createScrubber({ values: knownSecrets(options), names: namesOf(options.env) });
  const texts = await Promise.all(
    sections.map(async ([title, text]) => `== ${title} ==\n${scrub(await orWhy(text)).trimEnd()}\n`),
  );
  return `orch bug report, ${new Date(systemClock.nowMs()).toISOString()}\n\n${texts.join("\n")}`;
}

async function orWhy(text: string | Promise<string>): Promise<string> {
  try {
    return await text;
  } catch (error) {
    const { message, why } = toFailure(error);
    return `(${why === undefined ? message : `${message}: ${why}`})`;
  }
}

function versions(): object {
  const header = (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header;
  return {
    orch: packageVersion(),
    node: process.versions.node,
    libc: header?.glibcVersionRuntime ?? "not glibc",
    kernel: `${os.type()} ${os.release()} ${os.arch()}`,
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(readOr("/etc/os-release", ""))?.[1] ?? "unknown",
    cores: os.availableParallelism(),
    ramBytes: os.totalmem(),
    driver: readOr("/proc/driver/nvidia/version", "none of NVIDIA").split("\n")[0],
  };
}

/** Only what acts on orch. Names alone of the others would tell too much already. */
function environmentOf(env: Environment): string {
  const names = Object.keys(env).filter((name) =>
    /^(ORCH_|CUDA_|NVIDIA_|ROCR_|HIP_|XDG_|NODE_|LISTEN_|DOCKER_HOST$|PATH$)/.test(name),
  );
  return names
    .sort()
    .map((name) => `${name}=${env[name]}`)
    .join("\n");
}

async function configOf({ paths, env }: ReportOptions): Promise<string> {
  const set = await loadConfig({ paths, env }).then(
    ({ config, origins }) =>
      Object.entries(origins)
        .filter(([, { kind }]) => kind !== "default")
        .map(
          ([key, { where }]) => `${key} = ${JSON.stringify(config[key as keyof typeof config])}  (${where})`,
        ),
    (error: unknown) => [`wrong: ${toFailure(error).sentence}`],
  );
  const files = [paths.systemConfigFile, paths.configFile].map(
    (file) => `# ${file}\n${readOr(file, "(none)")}`,
  );
  return [...set, ...files].join("\n");
}

function unitsOf({ paths, env }: ReportOptions): string {
  const texts = (["system", "user"] as const).flatMap((kind) => {
    const { unitDir } = scopeOf({ kind, paths, env });
    return [SERVICE_UNIT, SOCKET_UNIT].flatMap((name) => [
      ...textOf(join(unitDir, name)),
      ...filesIn(join(unitDir, `${name}.d`)).flatMap(textOf),
    ]);
  });
  return texts.join("\n") || "(none is installed)";
}

function textOf(file: string): string[] {
  const text = readOr(file, "");
  return text === "" ? [] : [`# ${file}\n${text}`];
}

async function journalOf({ paths, env }: ReportOptions): Promise<string> {
  const said = await Promise.all(
    (["system", "user"] as const).map(async (kind) => {
      const { flags, unitDir } = scopeOf({ kind, paths, env });
      if (readOr(join(unitDir, SERVICE_UNIT), "") === "") return "";
      const command = [
        "journalctl",
        ...flags,
        "-u",
        SERVICE_UNIT,
        "-n",
        "100",
        "--no-pager",
        "--no-hostname",
      ];
      return (await askProgram(command, { env, deadlineMs: DEADLINE_MS })).stdout;
    }),
  );
  return said.join("") || "(no service is installed)";
}

async function statusOf(client: Client | null): Promise<string> {
  if (client === null) return "(no daemon runs)";
  return JSON.stringify(await client.call("GET /status", {}, { timeoutMs: CALL_MS }), null, 2);
}

async function eventsOf(client: Client | null): Promise<string> {
  if (client === null) return "(no daemon runs)";
  const lines: string[] = [];
  // A correlation id is the submitter's own word, and what is said of jobs and of failures may be words of their programs.
  for await (const { correlation: _, text, ...event } of client.stream("GET /events", { limit: EVENTS })) {
    const isTheirs = event.job !== null || /fail|crash|lost/.test(event.type);
    lines.push(JSON.stringify(isTheirs ? event : { ...event, text }));
  }
  return lines.join("\n");
}

async function jobOf(client: Client | null, job: number): Promise<string> {
  if (client === null) return "(no daemon runs)";
  const detail = await client.call("GET /jobs/:job", { job }, { timeoutMs: CALL_MS });
  const lines: string[] = [];
  for await (const line of client.stream("GET /jobs/:job/logs", { job, tail: JOB_LINES }))
    lines.push(JSON.stringify(line));
  return `${JSON.stringify(detail, null, 2)}\n-- log --\n${lines.join("\n")}`;
}

async function logOf({ paths }: ReportOptions): Promise<string> {
  return tailOf(paths.daemonLog);
}

/** The last lines of a log, whole. @throws the system's error */
function tailOf(file: string): string {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) return "(none)";
  const bytes = Buffer.alloc(Math.min(size, LOG_BYTES));
  const fd = openSync(file, "r");
  try {
    const read = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    const text = bytes.toString("utf8", 0, read);
    return size > LOG_BYTES ? text.slice(text.indexOf("\n") + 1) : text;
  } finally {
    closeSync(fd);
  }
}

/** What this user could have put somewhere: secrets for workers, and what the environment calls secret. */
function knownSecrets({ paths, env }: ReportOptions): string[] {
  const files = filesIn(join(dirname(paths.configFile), "secrets")).map((file) => readOr(file, "").trim());
  const set = Object.fromEntries(
    Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
  return [...files, ...secretValues(set)].filter((value) => value !== "");
}

function namesOf(env: Environment): (readonly [string, string])[] {
  const home = env["HOME"] ?? "";
  const host = os.hostname();
  return [
    ...(home.length > 1 && home !== "/root" ? [[home, "~"] as const] : []),
    ...(host.length >= 4 ? [[host, "[host]"] as const] : []),
  ];
}

function filesIn(dir: string): string[] {
  try {
    return readdirSync(dir).map((name) => join(dir, name));
  } catch {
    return [];
  }
}

function readOr(file: string, instead: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return instead;
  }
}

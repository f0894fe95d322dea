import { describeEta } from "../../cli/text/eta-text.ts";
import type { JobDetail, WorkerView } from "../../protocol/views.ts";
import type { Snapshot } from "../feed/snapshot.ts";
import { plain, plainLogLine } from "../text/foreign-text.ts";
import type { Look } from "../text/look.ts";
import { clockTime, shortBytes, shortSpan } from "../text/span.ts";
import { stateRole } from "./jobs.ts";
import { gpuIndices } from "./workers.ts";

type Field = readonly [name: string, value: string | number | null];

/** The upper part of the details: what is known of a job or worker. */
export function detailLines(look: Look, snap: Snapshot, columns: number): string[] {
  const { detail, status } = snap;
  if (detail === null) return [];
  const trouble = detail.error === null ? [] : [look.paint("bad", look.cut(plain(detail.error), columns))];
  if (detail.target.kind === "worker") {
    const { name } = detail.target;
    const worker = status?.workers.find((each) => each.name === name);
    if (worker === undefined) return [...trouble, look.paint("dim", `worker ${plain(name)} is gone`)];
    return [...trouble, ...fieldLines(look, workerFields(worker, snap), columns)];
  }
  if (detail.job === null) return [...trouble, look.paint("dim", `job ${detail.target.id} …`)];
  return [
    ...trouble,
    ...fieldLines(look, jobFields(detail.job, snap), columns),
    ...paramLines(look, detail.job, columns),
    ...attemptLines(look, detail.job, columns),
    ...timelineLines(look, detail.job, columns),
  ];
}

/** The last words of a log, `above` lines before its end, in exactly so many rows or fewer. */
export function logLines(
  look: Look,
  log: readonly string[],
  above: number,
  columns: number,
  rows: number,
): string[] {
  const whole = log.at(-1) === "" ? log.slice(0, -1) : log;
  const end = Math.max(Math.min(rows, whole.length), whole.length - above);
  return whole.slice(Math.max(0, end - rows), end).map((line) => look.cut(plainLogLine(line), columns));
}

function fieldLines(look: Look, fields: readonly Field[], columns: number): string[] {
  const shown = fields.filter(([, value]) => value !== null && value !== "");
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(
    ([name, value]) =>
      `${look.paint("dim", name.padEnd(width))}  ${look.cut(plain(String(value)), columns - width - 2)}`,
  );
}

function jobFields(job: JobDetail, { status, nowMs, detail }: Snapshot): Field[] {
  const { progress, reason, startedAt, finishedAt } = job;
  const eta = detail?.why?.eta ?? null;
  const position = detail?.why?.position ?? null;
  const ranMs =
    startedAt === null
      ? null
      : Date.parse(finishedAt ?? new Date(nowMs).toISOString()) - Date.parse(startedAt);
  return [
    ["job", `${job.id} ${job.state}${job.exitCode === null ? "" : `, exit code ${job.exitCode}`}`],
    ["reason", reason === null ? null : `${reason.code}: ${reason.text}`],
    ["starts", eta === null ? null : describeEta(eta, nowMs)],
    ["position", position],
    [
      "progress",
      progress === null ? null : `${Math.floor(progress.fraction * 100)} % ${progress.text ?? ""}`,
    ],
    ["what", job.command === null ? job.summary : job.command.join(" ")],
    ["label", job.label],
    ["runtime", job.runtime],
    ["lane", job.lane === job.runtime ? null : job.lane],
    ["user", job.user],
    ["priority", job.priority],
    ["worker", job.worker],
    ["gpus", job.gpus.length === 0 ? null : gpuIndices(job.gpus, status?.gpus ?? [])],
    ["after", job.after.length === 0 ? null : job.after.join(", ")],
    [
      "submitted",
      `${clockTime(Date.parse(job.submittedAt))}, ${shortSpan(nowMs - Date.parse(job.submittedAt))} ago`,
    ],
    ["ran", ranMs === null ? null : shortSpan(ranMs)],
    ["output", job.output === null ? null : JSON.stringify(job.output)],
    ["artifacts", job.artifacts.map(({ name, bytes }) => `${name} (${shortBytes(bytes)})`).join(", ")],
  ];
}

function workerFields(worker: WorkerView, { status, nowMs }: Snapshot): Field[] {
  const held = (status?.gpus ?? []).flatMap(({ index, leases }) =>
    leases
      .filter((lease) => lease.worker === worker.name)
      .map(({ mode, vramBytes, usedBytes }) => {
        const reserved = vramBytes === null ? "all" : shortBytes(vramBytes);
        return `GPU ${index} ${mode}, ${reserved} reserved${usedBytes === null ? "" : `, ${shortBytes(usedBytes)} used`}`;
      }),
  );
  return [
    ["worker", `${worker.name} ${worker.state} for ${shortSpan(nowMs - Date.parse(worker.since))}`],
    ["doing", worker.detail],
    ["runtime", worker.runtime],
    ["lane", worker.lane === worker.runtime ? null : worker.lane],
    ["holds", held.join("; ")],
    [
      "jobs",
      `${worker.jobs.join(", ") || "none"} (${worker.jobs.length + worker.requests} of ${worker.slots} slots)`,
    ],
    [
      "kept",
      worker.pinned
        ? "pinned"
        : worker.keptUntil === null
          ? null
          : `${shortSpan(Date.parse(worker.keptUntil) - nowMs)} more`,
    ],
    ["pid", worker.pid],
    [
      "started",
      `${clockTime(Date.parse(worker.startedAt))}, ${shortSpan(nowMs - Date.parse(worker.startedAt))} ago`,
    ],
  ];
}

function paramLines(look: Look, { params }: JobDetail, columns: number): string[] {
  const fields = Object.entries(params).map(
    ([name, value]): Field => [plain(name), typeof value === "string" ? value : JSON.stringify(value)],
  );
  return fields.length === 0 ? [] : ["", look.paint("title", "Params"), ...fieldLines(look, fields, columns)];
}

function attemptLines(look: Look, { history }: JobDetail, columns: number): string[] {
  if (history.length < 2) return [];
  const rows = history.map(({ attempt, worker, outcome, exitCode, startedAt }) =>
    look.cut(
      plain(
        `${attempt}  ${clockTime(Date.parse(startedAt))}  ${worker}  ${outcome ?? "runs"}${exitCode === null ? "" : ` (${exitCode})`}`,
      ),
      columns,
    ),
  );
  return ["", look.paint("title", "Attempts"), ...rows];
}

function timelineLines(look: Look, { timeline, state }: JobDetail, columns: number): string[] {
  const first = Date.parse(timeline[0]?.at ?? "");
  const rows = timeline.map(({ at, type, text }, index) => {
    const offset = `+${shortSpan(Date.parse(at) - first)}`.padStart(7);
    const isLast = index === timeline.length - 1;
    const dot = look.paint(
      isLast ? stateRole({ state }) : "dim",
      isLast ? look.glyphs.live : look.glyphs.dot,
    );
    const head = `${clockTime(Date.parse(at))} ${offset}`;
    const room = Math.max(0, columns - head.length - 22);
    return `${look.paint("dim", head)} ${dot} ${look.paint("accent", look.fit(plain(type), 17))} ${look.cut(plain(text), room)}`;
  });
  return rows.length === 0 ? [] : ["", look.paint("title", "Timeline"), ...rows];
}

import type { JobDetail } from "../../protocol/views.ts";
import type { Json } from "../../std/json.ts";

export type PredictionStatus = "starting" | "processing" | "succeeded" | "failed" | "canceled";

/** The label that bears the id which a client gave to its prediction. */
export const PREDICTION_LABEL = "prediction";

/** What the client of a prediction may be told of it. */
export const toldEvents: readonly string[] = ["start", "output", "logs", "completed"];

/** What a prediction is made of: a job, and where the parts of it are found. */
export interface PredictionParts {
  readonly job: JobDetail;
  /** What it wrote, or the end of that. */
  readonly logs: string;
  /** The address that `/predictions/ID` is put to; "" = the client asked by no prediction. */
  readonly base: string;
  /** An address of one of its artifacts, or of its stream, that needs no key. */
  readonly link: (to: number | "stream") => string;
  /** Why and where it waits. */
  readonly standing?: { readonly position: number | null; readonly text: string } | undefined;
}

/** As Replicate and Cog show it: the one is the other with more fields. */
export interface Prediction {
  readonly id: string;
  readonly status: PredictionStatus;
  readonly [field: string]: Json;
}

/** A job as the clients of these two know it. */
export function predictionOf({ job, logs, base, link, standing }: PredictionParts): Prediction {
  const id = predictionId(job);
  const isOver = job.finishedAt !== null;
  const at = `${base}/predictions/${encodeURIComponent(id)}`;
  return {
    id,
    model: `orch/${job.runtime}`,
    version: job.runtime,
    input: inputOf(job, base),
    status: statusOf(job),
    output: job.state === "succeeded" ? outputOf(job, link) : null,
    error: job.state === "failed" ? (job.reason?.text ?? "it failed") : null,
    logs,
    metrics: metricsOf(job, standing),
    created_at: job.submittedAt,
    started_at: job.startedAt,
    completed_at: job.finishedAt,
    source: "api",
    data_removed: false,
    ...(job.webhook === null ? {} : { webhook: job.webhook.url, webhook_events_filter: job.webhook.events }),
    ...(base === "" ? {} : { urls: { get: at, cancel: `${at}/cancel`, stream: link("stream") } }),
    orch: {
      job: job.id,
      state: job.state,
      reason: isOver || standing === undefined ? (job.reason?.text ?? null) : standing.text,
      code: job.reason?.code ?? null,
    },
  };
}

/** The id that its client gave it, else the number of the job. */
export function predictionId({ id, labels }: Pick<JobDetail, "id" | "labels">): string {
  return labels[PREDICTION_LABEL] ?? String(id);
}

/** As both APIs name the states of a job. */
export function statusOf({ state }: Pick<JobDetail, "state">): PredictionStatus {
  if (state === "succeeded" || state === "failed") return state;
  if (state === "cancelled") return "canceled";
  return state === "running" ? "processing" : "starting";
}

function metricsOf(job: JobDetail, standing: PredictionParts["standing"]): Json {
  if (job.finishedAt === null) {
    const position = standing?.position ?? null;
    const { progress } = job;
    return {
      ...(position === null ? {} : { queue_position: position }),
      ...(progress === null ? {} : { progress: progress.fraction }),
    };
  }
  const endMs = Date.parse(job.finishedAt);
  const seconds = (from: string): number => Math.max(0, endMs - Date.parse(from)) / 1000;
  return {
    ...(job.startedAt === null ? {} : { predict_time: seconds(job.startedAt) }),
    total_time: seconds(job.submittedAt),
  };
}

/** Paths of this host are nothing to whoever is elsewhere: a file is shown by its address here. */
function inputOf({ params }: JobDetail, base: string): Json {
  const shown = Object.entries(params).map(([name, value]) => {
    const file =
      typeof value === "string" ? /\/inputs\/\d+\/([0-9a-f]{64}(?:\.[a-z0-9]{1,8})?)$/.exec(value) : null;
    return [name, file === null ? value : fileAddress(base, file[1] ?? "")];
  });
  return Object.fromEntries(shown) as Json;
}

/** Where a file that came over the gateway is looked at. */
export function fileAddress(base: string, id: string): string {
  const origin = /^https?:\/\/[^/]+/.exec(base)?.[0] ?? "";
  return `${origin}/replicate/v1/files/${id}`;
}

/**
 * What came of it, with addresses for its files: an output that names one has its address in that place; without an output they
 * are it, one alone or a list; beside another one they are a field of it.
 */
function outputOf({ output, artifacts }: JobDetail, link: PredictionParts["link"]): Json {
  if (artifacts.length === 0) return output;
  const links = new Map(artifacts.map(({ name }, index) => [name, link(index)]));
  const all = [...links.values()];
  if (output === null) return all.length === 1 ? (all[0] ?? null) : all;
  let isNamed = false;
  const put = (value: Json): Json => {
    if (typeof value === "string") {
      const found = links.get(value);
      isNamed ||= found !== undefined;
      return found ?? value;
    }
    if (Array.isArray(value)) return value.map(put);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, put(item)]));
  };
  const shown = put(output);
  if (isNamed) return shown;
  return typeof shown === "object" && shown !== null && !Array.isArray(shown)
    ? { files: all, ...shown }
    : { output: shown, files: all };
}

import type { GpuSample } from "../gpu/sample.ts";
import type { Mask } from "../log/mask.ts";
import type { GatewayView } from "../protocol/api-keys.ts";
import type { Caller } from "../protocol/operation.ts";
import type { SentFile } from "../protocol/sent-file.ts";
import type { UiDoorView } from "../protocol/ui-view.ts";
import type { Registry } from "../runtime/discover.ts";
import type { LongWork, Request } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import type { ApiKey } from "../std/api-key.ts";
import type { Clock } from "../std/clock.ts";
import type { Json } from "../std/json.ts";
import type { ApiKeyRow } from "../store/api-keys.ts";
import type { JobRow, Queries } from "../store/queries.ts";
import type { OwnedWebhookRow, WebhookName, WebhooksAsked } from "../store/webhooks.ts";
import type { TaskBook } from "./task-book.ts";

/** How far a running job is, by its own word. */
export interface Progress {
  readonly fraction: number;
  readonly text: string | null;
}

/** What a running job has written so far of the text that it makes. */
export interface Written {
  readonly attempt: number;
  readonly text: string;
}

/** What changed, for those who follow: sent after the commit that made it true. */
export type Notice =
  | { readonly type: "jobs"; readonly ids: ReadonlySet<number> }
  | { readonly type: "progress"; readonly jobId: number; readonly progress: Progress }
  | { readonly type: "text"; readonly jobId: number; readonly written: Written }
  | { readonly type: "events"; readonly lastSeq: number };

/** Tells listeners what changed. A listener must be quick and may not throw. */
export interface Feed {
  listen(hear: (notice: Notice) => void): () => void;
}

/** The Unix groups of callers, as far as any group has a quota. */
export interface Groups {
  /** Looks the caller's groups up, unless that was done lately. Never rejects. */
  know(caller: Pick<Caller, "user">): Promise<void>;
  /** Names of the groups as last looked up; none before that. */
  of(caller: Pick<Caller, "user">): readonly string[];
}

/** What holds for the jobs of several users. */
export interface UsersRule {
  readonly allowRootJobs: boolean;
  /** Who runs the workers of runtimes; null = nobody. */
  readonly workerUser: string | null;
  /** The uid of a user of this name on this host; null = there is none. */
  uidOf(user: string): Promise<number | null>;
  /** Looks the user up, of whom nothing was heard since a schedule was made, say. Rejects if that one is not served any more. */
  know(uid: number): Promise<void>;
  /** Whether a user may read a file, by the modes of it and of the folders above it. False for what is not there. */
  mayReadFile(uid: number, path: string): boolean;
}

/** Where the files of jobs and workers are. */
export interface Places {
  /** Folder of one job: its logs and output. */
  jobDir(jobId: number): string;
  /** What the job's current or last attempt wrote. */
  jobLog(jobId: number): string;
  attemptLog(jobId: number, attempt: number): string;
  jobOutputDir(jobId: number): string;
  workerDir(workerId: number): string;
  workerLog(workerId: number): string;
  /** What the daemon itself writes. */
  readonly daemonLog: string;
  /** Where viewers reach the terminal of a worker that has one. */
  terminalSocket(workerId: number): string;
  all: Readonly<Record<string, string>>;
}

/** What is not to be shown of what programs write: the values of their secrets. */
export interface Masks {
  ofJob(job: Pick<JobRow, "id" | "runtime">): Mask;
  /** Of the workers of a runtime. */
  ofRuntime(name: string): Mask;
  /** All that this daemon has given to programs of runtimes. */
  ofAll(): Mask;
}

/** The keys of the gateway. */
export interface Keys {
  list(): readonly ApiKeyRow[];
  /** Resolves once it is on disk, and the gateway listens if that was all it waited for. @throws Failure key/exists */
  add(key: ApiKey): Promise<void>;
  /** As `add`; the key is refused from then on. */
  remove(id: string): Promise<void>;
  gateway(): GatewayView;
  /** The doors to workers' own pages. */
  uis(): readonly UiDoorView[];
  /**
   * A link that logs somebody in, once. `isBound`: only in a browser of that user's on this host; `ui`: the worker's own page that
   * it is for, null = the dashboard.
   * @throws Failure gateway/off
   */
  makeLogin(asked: {
    readonly caller: Pick<Caller, "uid" | "user" | "key">;
    readonly isBound: boolean;
    readonly ui: string | null;
  }): Promise<{ readonly url: string; readonly expiresAtMs: number }>;
}

/** What tells others by HTTP how jobs come along. */
export interface Webhooks {
  /** @throws Failure param/invalid: not an address to go to, as far as that is seen by looking at it */
  check(url: string): void;
  /** Jobs of these ids that have some were submitted. */
  watch(first: number, last: number): void;
  find(name: WebhookName): OwnedWebhookRow | undefined;
  list(asked: WebhooksAsked): OwnedWebhookRow[];
  /** Tells what was given up, or waits for its next try, now. Gives those it does so with, once that is on disk. */
  retry(names: readonly WebhookName[]): Promise<readonly WebhookName[]>;
  /** With which what a user's jobs send is signed; made when it is asked for first. */
  secretOf(uid: number): string;
}

/** A file that came over the gateway, for jobs to read. */
export interface InputFile {
  /** Its digest and extension; unique among those of its user. */
  readonly id: string;
  readonly path: string;
  readonly bytes: number;
  readonly createdAtMs: number;
}

/** What callers who are not on this host give as files. Kept for seven days after they were given last, and as long as a job waits. */
export interface InputFiles {
  /** Whether the path is that of a file which this user gave. */
  isOwn(uid: number, path: string): boolean;
  /** Where a file of the user's is, which counts as given once more; null = there is none. */
  pathOf(uid: number, id: string): string | null;
  /** What an address or a data URL holds. @throws Failure param/invalid, file/unreadable, store/full */
  take(
    uid: number,
    from: { readonly what: string; readonly value: string; readonly signal: AbortSignal },
  ): Promise<InputFile>;
  /** @throws Failure request/too-large, store/full */
  put(uid: number, file: SentFile): Promise<InputFile>;
  /** The newest first. */
  list(uid: number): Promise<InputFile[]>;
  find(uid: number, id: string): Promise<InputFile | null>;
  /** Whether there was one. */
  remove(uid: number, id: string): Promise<boolean>;
}

/** What logs take on disk. */
export interface LogSizes {
  /** Of the files that are written to, without packed parts. */
  readonly liveBytes: number;
  /** Of the logs of all jobs and workers, when they were gone through last; null = not yet. */
  readonly measured: { readonly atMs: number; readonly bytes: number } | null;
  /** What they may take; null = any amount. */
  readonly limitBytes: number | null;
}

/** All that the operations may touch. The daemon makes it; nothing else in operations reaches the world. */
export interface Context {
  /**
   * Puts a request before the scheduler; resolves once its answer is on disk.
   * @throws Failure when it is refused or cannot be made durable.
   */
  ask(request: Request): Promise<readonly number[]>;
  /** As `ask`, for requests that are one whole but too many for one step: nobody has to wait long for the event loop. */
  askLong<T>(work: LongWork<T>): Promise<T>;
  /** How the daemon itself is: its longest stall since this was last asked, and the size of its write-ahead log. */
  health(): { readonly longestStallMs: number; readonly walBytes: number };
  /** The scheduler's state, to look at only. */
  state(): State;
  logSizes(): LogSizes;
  /** What the daemon says of itself in numbers, as Prometheus reads them. */
  metrics(format: "prometheus" | "openmetrics"): string;
  readonly queries: Queries;
  /** The folders of finished jobs: their logs and outputs. */
  readonly jobFiles: {
    /** Bytes that they take on disk. */
    measure(jobs: readonly number[]): Promise<number>;
    /** @throws Failure state/unwritable */
    remove(jobs: readonly number[]): Promise<void>;
  };
  readonly runtimes: Registry;
  readonly feed: Feed;
  readonly clock: Clock;
  readonly places: Places;
  readonly masks: Masks;
  readonly webhooks: Webhooks;
  readonly inputFiles: InputFiles;
  readonly keys: Keys;
  /** What `POST /tasks` took in. */
  readonly tasks: TaskBook;
  /** Names that the config gives to priorities. */
  readonly priorities: Readonly<Record<string, number>>;
  /** Of a kilowatt-hour, in whatever money; null = not known. */
  readonly energyPrice: number | null;
  readonly groups: Groups;
  /** Whether whoever asks may see what a job, schedule or the like of this user does. See seen-by.ts. */
  mayRead(owned: { readonly uid: number }): boolean;
  /** Null when the daemon serves one user: all that it starts then runs as that one. */
  readonly users: UsersRule | null;
  progressOf(jobId: number): Progress | null;
  writtenOf(jobId: number): Written | null;
  /** The GPUs as last read; with `fresh` they and their processes are read now. */
  gpuSample(fresh: boolean): Promise<GpuSample>;
  latestSample(): GpuSample;
  /** Somebody is told that a waiting job will start then: how true that was is learned. */
  noteEta(jobId: number, etaMs: number): void;
  /** The orch worker that a process belongs to, by name; null for a stranger. */
  workerOfPid(pid: number): string | null;
  /** What a worker of this runtime would be started with, for a dry run. */
  planLaunch(input: DryLaunch): Promise<{ argv: readonly string[]; env: Readonly<Record<string, string>> }>;
  /**
   * Builds the image of a container runtime anew; gives its name.
   * @throws Failure runtime/unknown, runtime/invalid, engine/unavailable, engine/failed, interrupted
   */
  buildImage(
    runtime: string,
    options: { readonly onLog: (line: string) => void; readonly signal: AbortSignal },
  ): Promise<string>;
  /** Ends the daemon after the mode's work is done; resolves when that has been decided, not when it is over. */
  shutDown(mode: "leave" | "drain" | "kill"): Promise<void>;
  readonly host: {
    readonly pid: number;
    readonly version: string;
    readonly instance: string;
    readonly startedAtMs: number;
    readonly probe: string;
    readonly uid: number;
  };
}

export interface DryLaunch {
  readonly runtime: string;
  readonly params: Readonly<Record<string, Json>>;
  readonly gpuUuids: readonly string[];
}

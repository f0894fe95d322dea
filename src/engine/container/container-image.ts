import { execa } from "execa";
import type { Clock } from "../../std/clock.ts";
import { Failure } from "../../std/failure.ts";
import { type ContainerCli, callEngine } from "./container-cli.ts";

/** An image and where it comes from. */
export interface ImageSource {
  /** As `run` takes it. */
  readonly image: string;
  /** Folder with its Dockerfile; null = it is pulled. */
  readonly buildDir: string | null;
  /** For errors. */
  readonly runtimeName: string;
}

export interface ImageOptions {
  /** Lines that the engine prints while it works. */
  readonly onLog: (line: string) => void;
  /** Gives up waiting; the work itself is stopped when nobody waits for it any more. */
  readonly signal: AbortSignal;
}

/** Makes images be there. One pull or build of an image at a time; who comes meanwhile joins it. */
export interface Images {
  /** @throws Failure engine/failed with the engine's last words, engine/unavailable, interrupted */
  ensure(cli: ContainerCli, source: ImageSource, options: ImageOptions): Promise<void>;
  /** Builds (or pulls) it even if it is there. @throws like `ensure` */
  make(cli: ContainerCli, source: ImageSource, options: ImageOptions): Promise<void>;
  /** Whether it is there; believed for a while. @throws Failure engine/unavailable */
  has(cli: ContainerCli, image: string): Promise<boolean>;
}

interface Work {
  readonly done: Promise<void>;
  readonly hearers: Set<(line: string) => void>;
  /** Nobody waits for it any more. */
  abandon(): void;
}

const INSPECT_DEADLINE_MS = 20_000;
/** Asking costs as much as half a start; one that was removed since fails the start in the engine's words. */
const BELIEVED_MS = 60_000;
const LAST_LINES = 8;

/** No images known yet; see `Images`. */
export function createImages(clock: Clock): Images {
  const works = new Map<string, Work>();
  const believedUntilMs = new Map<string, number>();
  const keyOf = (cli: ContainerCli, image: string): string => [...cli.command, image].join("\0");
  const believe = (key: string): void => void believedUntilMs.set(key, clock.monotonicMs() + BELIEVED_MS);
  const has = async (cli: ContainerCli, image: string): Promise<boolean> => {
    const key = keyOf(cli, image);
    if (clock.monotonicMs() < (believedUntilMs.get(key) ?? 0)) return true;
    const found = await isThere(cli, image);
    if (found) believe(key);
    return found;
  };
  const make = async (cli: ContainerCli, source: ImageSource, options: ImageOptions): Promise<void> => {
    const key = keyOf(cli, source.image);
    const work = works.get(key) ?? startWork(cli, source, () => works.delete(key));
    works.set(key, work);
    await follow(work, options);
    believe(key);
  };
  return {
    has,
    make,
    async ensure(cli, source, options) {
      const isBeingMade = works.has(keyOf(cli, source.image));
      if (isBeingMade || !(await has(cli, source.image))) await make(cli, source, options);
    },
  };
}

async function isThere(cli: ContainerCli, image: string): Promise<boolean> {
  const answer = await callEngine(cli, ["image", "inspect", "--format", "{{.Id}}", image], {
    deadlineMs: INSPECT_DEADLINE_MS,
  });
  if (answer.exitCode === 0) return true;
  if (answer.exitCode === 1 || answer.exitCode === 125) return false;
  throw new Failure("engine/unavailable", `${cli.kind} does not answer`, {
    why: answer.words,
    hint: `${cli.command.join(" ")} info`,
  });
}

async function follow(work: Work, { onLog, signal }: ImageOptions): Promise<void> {
  let leave = (): void => {};
  const left = new Promise<never>((_resolve, reject) => {
    leave = () => reject(new Failure("interrupted", "waiting for the image was given up"));
  });
  left.catch(() => undefined);
  if (signal.aborted) leave();
  signal.addEventListener("abort", leave, { once: true });
  work.hearers.add(onLog);
  try {
    await Promise.race([left, work.done]);
  } finally {
    signal.removeEventListener("abort", leave);
    work.hearers.delete(onLog);
    if (work.hearers.size === 0) work.abandon();
  }
}

/** @param onEnd called once nobody can join it any more */
function startWork(cli: ContainerCli, source: ImageSource, onEnd: () => void): Work {
  const abort = new AbortController();
  const hearers = new Set<(line: string) => void>();
  const hear = (line: string): void => {
    for (const hearer of hearers) hearer(line);
  };
  const done = runWork(cli, source, hear, abort.signal).finally(onEnd);
  const abandon = (): void => {
    onEnd();
    abort.abort();
  };
  return { done, hearers, abandon };
}

async function runWork(
  { command, env, kind }: ContainerCli,
  { image, buildDir, runtimeName }: ImageSource,
  hear: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const [program = "", ...before] = command;
  const verb = buildDir === null ? ["pull", image] : ["build", "-t", image, buildDir];
  const last: string[] = [];
  const subprocess = execa(program, [...before, ...verb], {
    all: true,
    reject: false,
    stdin: "ignore",
    buffer: false,
    // Lines instead of a screen that is drawn over.
    env: { ...env, BUILDKIT_PROGRESS: "plain" },
    extendEnv: false,
    cancelSignal: signal,
    forceKillAfterDelay: 2_000,
  });
  for await (const line of subprocess.iterable({ from: "all" })) {
    last.push(line);
    if (last.length > LAST_LINES) last.shift();
    hear(line);
  }
  const { failed, shortMessage } = await subprocess;
  if (!failed) return;
  const what = buildDir === null ? "pulled" : `built from ${buildDir}`;
  throw new Failure("engine/failed", `the image ${image} of ${runtimeName} could not be ${what}`, {
    why: last.filter((line) => line.trim() !== "").join("\n") || (shortMessage ?? "it ended without a word"),
    hint: buildDir === null ? `${kind} pull ${image}` : `orch runtimes build ${runtimeName}`,
  });
}

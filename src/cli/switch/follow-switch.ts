import type { Client, InputOf } from "../../client/client.ts";
import type { EventView, WorkerView } from "../../protocol/views.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import type { Context } from "../context.ts";
import { stayConnected } from "../terminal/stay-connected.ts";
import { workerSentence } from "../text/worker-text.ts";
import { accountOf, type SwitchAccount, type SwitchPhase } from "./switch-phases.ts";

/** Jobs are let finish before their worker makes room, and they may take a day. */
const LONGEST_MS = 7 * 86_400_000;
const EVERY_MS = 200;
/** As long as nothing begins, it is looked so often who is in the way. */
const HOLDERS_EVERY_MS = 2000;

/**
 * Asks for a switch and tells what is done for it, phase by phase with its time, until the worker is ready: each as a line
 * once it is over, the one that goes on in the line below on a terminal.
 * @returns the exit code: 0 once the worker is ready
 * @throws Failure worker/failed when it does not get ready, and as the daemon refuses
 */
export async function followSwitch(
  context: Context,
  client: Client,
  asked: InputOf<"POST /workers/switch">,
): Promise<number> {
  const { out } = context;
  const beganMs = context.io.clock.nowMs();
  const since = await lastSeq(client);
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const story = createStory(context, beganMs);
  const timer = setInterval(() => story.draw(), EVERY_MS);
  const asking = setInterval(() => void tellHolders(context, client, story), HOLDERS_EVERY_MS);
  try {
    const watched = watch(context, client, { since, signal, story, stop });
    // Who waits for it below hears of its failure; nobody does if the request itself is refused first.
    watched.catch(() => undefined);
    const placed = await client.call("POST /workers/switch", asked, { signal, timeoutMs: LONGEST_MS });
    if (placed.state === "ready" || placed.state === "busy") {
      out.result({ ...placed, phases: [] }, humanOf(out, placed));
      return 0;
    }
    story.setWorker(placed);
    if (story.account().end === null) await watched;
    return await conclude(context, client, story, placed);
  } finally {
    clearInterval(timer);
    clearInterval(asking);
    stop.abort();
    out.progress(null);
  }
}

/** Somebody pinned, say, may be in the way for ever: people are told who it is, in a pipe whenever that changes. */
async function tellHolders({ out }: Context, client: Client, story: Story): Promise<void> {
  if (story.worker() !== null || story.account().phases.length > 0) return;
  const { workers } = await client.call("GET /workers", {}).catch(() => ({ workers: [] }));
  const holders = workers
    .filter(({ gpus, state }) => gpus.length > 0 && state !== "asleep")
    .map(({ name, detail, pinned }) => `${name} (${detail}${pinned ? ", pinned" : ""})`);
  const text = holders.length === 0 ? "waits for a GPU" : `GPUs are held by ${holders.join(", ")}`;
  if (text !== story.obstacle() && !out.interactive && !out.format.quiet) out.note(`orch: ${text}`);
  story.setObstacle(text);
}

interface Watch {
  readonly since: number;
  readonly signal: AbortSignal;
  readonly story: Story;
  readonly stop: AbortController;
}

/** Hands all that happens to the story until its end; once a worker is known, a daemon that restarts is waited for. */
async function watch(context: Context, client: Client, { since, signal, story }: Watch): Promise<void> {
  let after = since;
  await stayConnected(context, {
    signal,
    async read(heard) {
      for await (const event of client.stream("GET /events", { after, follow: true }, { signal })) {
        heard();
        after = event.seq;
        story.note(event);
        if (story.account().end !== null) return;
      }
    },
    isDone: () => story.account().end !== null,
    mayWait: () => story.worker() !== null,
    notice: "orch: lost the daemon; the switch goes on",
  });
}

async function lastSeq(client: Client): Promise<number> {
  let seq = 0;
  for await (const event of client.stream("GET /events", { limit: 1 })) seq = event.seq;
  return seq;
}

async function conclude({ out }: Context, client: Client, story: Story, placed: WorkerView): Promise<number> {
  const { end, phases } = story.account();
  if (end === null) return 130;
  if (end.how === "failed") {
    throw new Failure("worker/failed", `${placed.name} did not get ready`, {
      why: end.text,
      hint: `orch logs ${placed.name}`,
    });
  }
  const { workers } = await client.call("GET /workers", {});
  const worker = workers.find(({ id }) => id === placed.id) ?? placed;
  const timed = phases.map(({ phase, about, fromMs, toMs }) => ({
    phase,
    worker: about === "" ? null : about,
    ms: (toMs ?? end.atMs) - fromMs,
  }));
  story.draw();
  out.result(
    { ...worker, phases: timed },
    {
      ids: [worker.name],
      text: () => out.print(line("ready", end.atMs - story.beganMs, worker.name)),
    },
  );
  return 0;
}

function humanOf(out: Context["out"], worker: WorkerView) {
  return { ids: [worker.name], text: () => out.print(workerSentence(worker)) };
}

interface Story {
  readonly beganMs: number;
  note(event: EventView): void;
  setWorker(worker: WorkerView): void;
  worker(): WorkerView | null;
  account(): SwitchAccount;
  /** Why nothing has begun yet. */
  obstacle(): string;
  setObstacle(text: string): void;
  draw(): void;
}

function createStory({ io, out }: Context, beganMs: number): Story {
  const events: EventView[] = [];
  const told = new Set<string>();
  let worker: WorkerView | null = null;
  let obstacle = "waits for a GPU";
  const isForPeople = (): boolean => !out.format.json && !out.format.quiet;
  const account = (): SwitchAccount => accountOf(events, worker?.name ?? null);
  const tell = (phase: SwitchPhase): void => {
    const key = `${phase.phase} ${phase.about} ${phase.fromMs}`;
    if (phase.toMs === null || told.has(key)) return;
    told.add(key);
    out.print(line(phase.phase, phase.toMs - phase.fromMs, phase.about));
  };
  const draw = (): void => {
    if (!isForPeople()) return;
    const { phases, end } = account();
    phases.forEach(tell);
    const current = phases.findLast(({ toMs }) => toMs === null);
    const sinceMs = current?.fromMs ?? beganMs;
    const what = current === undefined ? obstacle : current.text;
    if (end === null) out.progress(line(current?.phase ?? "wait", io.clock.nowMs() - sinceMs, what));
  };
  return {
    beganMs,
    account,
    draw,
    worker: () => worker,
    obstacle: () => obstacle,
    setObstacle(text) {
      obstacle = text;
      draw();
    },
    setWorker(view) {
      worker = view;
      draw();
    },
    note(event) {
      if (event.worker === null && !event.type.startsWith("lane-prepare") && event.type !== "lane-preparing")
        return;
      events.push(event);
      draw();
    },
  };
}

/** "load         17 s  sdxl-3" */
function line(phase: string, ms: number, about: string): string {
  return `${phase.padEnd(11)} ${formatDurationMs(Math.max(0, ms)).padStart(8)}  ${about}`.trimEnd();
}

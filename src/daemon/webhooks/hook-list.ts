import { webhookId } from "../../operations/webhook-view.ts";
import type { WebhookName, WebhookRow } from "../../store/webhooks.ts";

/** A webhook that is not over. */
export interface Hook {
  row: WebhookRow;
  /** The job whose changes matter to it: its own; of many the first that is not over. */
  watched: number;
  isBusy: boolean;
  /** Of the log as last told. */
  logBytes: number;
  timer: NodeJS.Timeout | null;
}

/** The webhooks that are not over, by their names and by the jobs they wait for. */
export interface HookList {
  readonly all: Iterable<Hook>;
  find(name: WebhookName): Hook | undefined;
  add(row: WebhookRow): Hook;
  remove(hook: Hook): void;
  /** It waits for this job from now on. */
  watch(hook: Hook, jobId: number): void;
  /** Those that wait for one of these jobs. */
  waitingFor(jobs: ReadonlySet<number>): Hook[];
}

/** An empty list. */
export function createHookList(): HookList {
  const hooks = new Map<string, Hook>();
  const byJob = new Map<number, Set<Hook>>();
  const leave = (hook: Hook): void => {
    const waiting = byJob.get(hook.watched);
    waiting?.delete(hook);
    if (waiting?.size === 0) byJob.delete(hook.watched);
  };
  const enter = (hook: Hook): void => {
    const waiting = byJob.get(hook.watched) ?? new Set();
    byJob.set(hook.watched, waiting.add(hook));
  };
  return {
    get all() {
      return hooks.values();
    },
    find: (name) => hooks.get(webhookId(name)),
    add(row) {
      const hook = { row, watched: row.jobId, isBusy: false, logBytes: 0, timer: null };
      hooks.set(webhookId(row), hook);
      enter(hook);
      return hook;
    },
    remove(hook) {
      hooks.delete(webhookId(hook.row));
      leave(hook);
      if (hook.timer !== null) clearTimeout(hook.timer);
    },
    watch(hook, jobId) {
      if (jobId === hook.watched) return;
      leave(hook);
      hook.watched = jobId;
      enter(hook);
    },
    waitingFor(jobs) {
      const [few, many] = jobs.size < byJob.size ? [jobs, byJob] : [byJob.keys(), jobs];
      const found: Hook[] = [];
      for (const id of few) if (many.has(id)) found.push(...(byJob.get(id) ?? []));
      return found;
    },
  };
}

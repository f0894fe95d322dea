import type { GpuView, JobView, WorkerView } from "../../protocol/views.ts";
import type { Theme } from "../text/look.ts";
import { themes } from "../text/look.ts";
import { moveCursor } from "./move.ts";
import { isChange, type Order } from "./orders.ts";
import type { Pressed } from "./press.ts";
import { nextSort, turnSort } from "./sort.ts";
import { type PaneId, panesOf, showView, type Ui } from "./ui.ts";

/** What is on the screen: what keys are about. */
export interface Facts {
  readonly isReadOnly: boolean;
  /** Of the pane in use, in their order. */
  readonly keys: readonly string[];
  /** The list goes on beyond them. */
  readonly isPartial: boolean;
  readonly sortable: readonly string[];
  /** Rows of the pane in use, or of the log. */
  readonly pageRows: number;
  readonly logLines: number;
  /** First line of a page that is shown, and lines of the log below what is shown. */
  readonly top: number;
  readonly above: number;
  /** What the cursor is on. */
  readonly job: JobView | null;
  readonly worker: WorkerView | null;
  readonly gpu: GpuView | null;
  /** Every job whose row is known, for what is marked. */
  readonly jobs: ReadonlyMap<number, JobView>;
}

/** What a key does while panes are shown. */
export function pressInPane(ui: Ui, name: string, facts: Facts): Pressed {
  const moved = moveCursor(ui, name, facts);
  if (moved !== null) return { ui: moved };
  const shown = changeScreen(ui, name, facts);
  if (shown !== null) return shown;
  const asked = askFor(ui, name, facts);
  if (facts.isReadOnly && (asked.ui.mode.kind !== "normal" || (asked.order != null && isChange(asked.order))))
    if (asked.ui.mode !== ui.mode || asked.order != null)
      return say(ui, "this screen is read-only (--readonly)", "warn");
  return asked;
}

/** Keys that change only what is seen. */
function changeScreen(ui: Ui, name: string, facts: Facts): Pressed | null {
  switch (name) {
    case "q":
      return ui.view === "main" ? { ui, order: { type: "quit" } } : { ui: showView(ui, "main") };
    case "?":
      return { ui: { ...ui, mode: { kind: "help", top: 0 } } };
    case "/":
      return { ui: { ...ui, mode: { kind: "filter", text: ui.filter, before: ui.filter } } };
    case ":":
      return { ui: { ...ui, mode: { kind: "command", text: "", at: ui.commands.length } } };
    case "u":
      return { ui: showView(ui, ui.view === "users" ? "main" : "users") };
    case "H":
      return { ui: showView(ui, ui.view === "history" ? "main" : "history") };
    case "tab":
      return { ui: focusBy(ui, 1) };
    case "shift-tab":
      return { ui: focusBy(ui, -1) };
    case "z":
      return { ui: { ...ui, isZoomed: !ui.isZoomed } };
    case "o":
      return { ui: nextSort(ui, facts.sortable) };
    case "O":
      return { ui: turnSort(ui) };
    case "m":
      return { ui: { ...ui, hasMouse: !ui.hasMouse }, order: { type: "mouse", isOn: !ui.hasMouse } };
    case "T":
      return { ui: { ...ui, theme: nextTheme(ui.theme) } };
    case "esc":
      return { ui: goBack(ui) };
    case "enter":
    case "l":
      return { ui: openDetail(ui, facts, name === "l") };
    default: {
      const pane = /^[1-9]$/.test(name) ? panesOf[ui.view][Number(name) - 1] : undefined;
      return pane === undefined ? null : { ui: { ...ui, pane } };
    }
  }
}

/** Keys that ask for something to be done. */
function askFor(ui: Ui, name: string, facts: Facts): Pressed {
  const { worker } = facts;
  const jobs = chosenJobs(ui, facts);
  switch (name) {
    case "space":
      return { ui: mark(ui, facts) };
    case "c":
      return askToStop(ui, jobs, worker);
    case "r":
      return jobs.length === 0
        ? say(ui, "no job is chosen")
        : done(ui, { type: "jobs", what: "retry", jobs });
    case "h":
      return holdOrRelease(ui, jobs, facts);
    case "+":
    case "-":
      return changePriority(ui, jobs, facts, name === "+" ? 1 : -1);
    case "a":
      return facts.job === null
        ? say(ui, "no job is chosen")
        : { ui, order: { type: "attach", job: facts.job.id } };
    case "p":
      return worker === null
        ? say(ui, "no worker is chosen")
        : { ui, order: { type: "pin", worker: worker.name, pinned: !worker.pinned } };
    case "s":
      return { ui: { ...ui, mode: { kind: "ask-runtime", text: "", gpu: gpuOf(facts) } } };
    default:
      return { ui };
  }
}

function done(ui: Ui, order: Order): Pressed {
  return { ui: { ...ui, marks: new Set() }, order };
}

function say(ui: Ui, text: string, role: "dim" | "warn" = "warn"): Pressed {
  return { ui: { ...ui, message: { text, role } } };
}

/** The marked jobs, or else the one under the cursor. */
function chosenJobs(ui: Ui, { job }: Facts): number[] {
  if (ui.marks.size > 0) return [...ui.marks].sort((left, right) => left - right);
  return job === null ? [] : [job.id];
}

function askToStop(ui: Ui, jobs: readonly number[], worker: WorkerView | null): Pressed {
  if (jobs.length > 0) {
    const named = jobs.length === 1 ? `job ${jobs[0]}` : `${jobs.length} jobs (${namesOf(jobs)})`;
    const order: Order = { type: "jobs", what: "cancel", jobs };
    return { ui: { ...ui, mode: { kind: "confirm", question: `cancel ${named}?`, order } } };
  }
  if (worker === null) return say(ui, "no job or worker is chosen");
  const order: Order = { type: "stop-worker", worker: worker.name };
  return {
    ui: { ...ui, mode: { kind: "confirm", question: `stop ${worker.name} once its jobs are done?`, order } },
  };
}

const NAMED_MOST = 6;

function namesOf(jobs: readonly number[]): string {
  const named = jobs.slice(0, NAMED_MOST).join(", ");
  return jobs.length > NAMED_MOST ? `${named}, …` : named;
}

/** What is held is released; if nothing of it is, it is held. */
function holdOrRelease(ui: Ui, jobs: readonly number[], facts: Facts): Pressed {
  if (jobs.length === 0) return say(ui, "no job is chosen");
  const held = jobs.filter((id) => facts.jobs.get(id)?.state === "held");
  return done(
    ui,
    held.length > 0 ? { type: "jobs", what: "release", jobs: held } : { type: "jobs", what: "hold", jobs },
  );
}

function changePriority(ui: Ui, ids: readonly number[], facts: Facts, by: 1 | -1): Pressed {
  const jobs = ids.flatMap((id) => {
    const job = facts.jobs.get(id);
    return job === undefined ? [] : [{ id, priority: job.priority + by }];
  });
  return jobs.length === 0 ? say(ui, "no job is chosen") : { ui, order: { type: "priority", jobs } };
}

function gpuOf({ gpu, worker }: Facts): string | null {
  return gpu === null ? (worker?.gpus[0] ?? null) : String(gpu.index);
}

function mark(ui: Ui, facts: Facts): Ui {
  const { job } = facts;
  if (job === null) return ui;
  const marks = new Set(ui.marks);
  if (!marks.delete(job.id)) marks.add(job.id);
  return moveCursor({ ...ui, marks }, "j", facts) ?? ui;
}

function openDetail(ui: Ui, { job, worker }: Facts, isLog: boolean): Ui {
  const target =
    job !== null
      ? ({ kind: "job", id: job.id } as const)
      : worker !== null
        ? ({ kind: "worker", name: worker.name } as const)
        : null;
  if (target === null) return say(ui, "there are no details of this", "dim").ui;
  return { ...ui, mode: { kind: "detail", target, isLog, top: 0, above: 0, part: isLog ? "log" : "info" } };
}

function goBack(ui: Ui): Ui {
  if (ui.marks.size > 0) return { ...ui, marks: new Set() };
  if (ui.filter !== "") return { ...ui, filter: "" };
  if (ui.isZoomed) return { ...ui, isZoomed: false };
  return showView(ui, "main");
}

function focusBy(ui: Ui, by: 1 | -1): Ui {
  const panes: readonly PaneId[] = panesOf[ui.view];
  const at = (panes.indexOf(ui.pane) + by + panes.length) % panes.length;
  return { ...ui, pane: panes[at] ?? ui.pane };
}

function nextTheme(theme: Theme): Theme {
  return themes[(themes.indexOf(theme) + 1) % themes.length] ?? "dark";
}

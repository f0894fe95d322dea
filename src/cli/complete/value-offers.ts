import type { Client } from "../../client/client.ts";
import { eventFields, jobFields, jobStates } from "../../protocol/list-fields.ts";
import type { JobView, ParamView, RuntimeView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { type JobState, unfinishedStates } from "../text/job-text.ts";
import { oneLine, truncate } from "../text/width.ts";
import { type Candidate, leaveTo, type Offer, offerOf, plainWords, withHead } from "./candidate.ts";

/** What the daemon is asked with; null once it did not answer. */
export type Ask = <T>(question: (client: Client) => Promise<T>) => Promise<T | null>;

/** What a value is asked for. */
export interface Wanted {
  /** The command's name, as `workers stop`. */
  readonly command: string;
  /** What the declaration calls it: `jobs`, `runtime`, `file` … */
  readonly placeholder: string;
  /** The flag it belongs to, if any. */
  readonly flag: string | undefined;
  readonly typed: string;
  readonly ask: Ask;
}

/** More than anybody reads; the daemon lists the newest. */
const MOST_JOBS = 200;
const ABOUT_COLUMNS = 60;

/** The states of jobs to which a command can do something. */
const sensible: Readonly<Record<string, readonly JobState[]>> = {
  attach: ["starting", "running"],
  cancel: unfinishedStates,
  hold: ["queued"],
  release: ["held"],
  retry: jobStates.filter((state) => !unfinishedStates.some((unfinished) => unfinished === state)),
  update: ["held", "queued"],
  wait: unfinishedStates,
};

type Source = (wanted: Wanted) => Offer | Promise<Offer>;

/** By the name of a flag, where its placeholder says less. */
const byFlag: Readonly<Record<string, Source>> = {
  "--array": (wanted) => (wanted.placeholder === "id" ? arrays(wanted) : offerOf()),
  "--columns": fields,
  "--gpus": () => offerOf(),
  "--out": () => leaveTo("folders"),
  "--params": () => leaveTo("files"),
  "--runtime": runtimes,
  "--sort": fields,
};

/** By what the declaration calls the value. */
const byPlaceholder: Readonly<Record<string, Source>> = {
  file: () => leaveTo("files"),
  folder: () => leaveTo("folders"),
  gpu: gpus,
  gpus: (wanted) => inList(wanted, gpus),
  id: () => offerOf(),
  ids: (wanted) => inList(wanted, jobs),
  job: jobs,
  jobs,
  path: () => leaveTo("files"),
  reservation: reservations,
  runtime: runtimes,
  schedule: schedules,
  trace: () => leaveTo("files"),
  what: async (wanted) => both(await jobs(wanted), await workers(wanted)),
  worker: workers,
  zone: () => offerOf(plainWords(Intl.supportedValuesOf("timeZone"))),
};

/** What the value of a flag or an argument may be, by its declaration; nothing where that cannot be known. */
export function valueOffer(wanted: Wanted): Offer | Promise<Offer> {
  const source =
    (wanted.flag === undefined ? undefined : own(byFlag, wanted.flag)) ??
    own(byPlaceholder, wanted.placeholder);
  return source?.(wanted) ?? offerOf();
}

function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** The runtimes with what they do. */
export async function runtimes({ ask }: Pick<Wanted, "ask">): Promise<Offer> {
  const answer = await ask((client) => client.call("GET /runtimes", {}));
  return offerOf(answer?.runtimes.map(({ name, summary }) => candidate(name, summary)));
}

/** What a param may be. */
export function paramValueOffer(param: ParamView): Offer {
  if (param.type === "file") return leaveTo("files");
  if (param.type === "boolean") return offerOf(plainWords(["true", "false"]));
  return offerOf(plainWords((param.choices ?? []).map(String)));
}

/** `name=` of each param; behind it what the param may be. */
export function paramPairOffer(runtime: RuntimeView, typed: string): Offer {
  const at = typed.indexOf("=");
  const param = runtime.params.find(({ name }) => name === typed.slice(0, Math.max(0, at)));
  if (param !== undefined) return withHead(paramValueOffer(param), typed.slice(0, at + 1));
  const names = runtime.params.map(({ name, help }) => candidate(`${name}=`, help));
  return { candidates: names, directive: { kind: "nospace" } };
}

/** What lists are sorted by and print, where it is known. */
function fields({ command, typed }: Wanted): Offer {
  const table = command === "ls" ? jobFields : command === "events" ? eventFields : {};
  const names = Object.keys(table).filter((name) => !name.includes("*"));
  return listOffer(typed, offerOf(plainWords(names)));
}

async function jobs({ ask, command, flag }: Wanted): Promise<Offer> {
  const states = flag === undefined ? own(sensible, command) : unfinishedStates;
  const query = { limit: MOST_JOBS, ...(states === undefined ? {} : { states }) };
  const answer = await ask((client) => client.call("GET /jobs", query));
  return offerOf(answer?.jobs.map((job) => candidate(String(job.id), aboutJob(job))));
}

function aboutJob(job: JobView): string {
  return [job.state, job.runtime, job.label ?? job.summary].filter((text) => text !== "").join(", ");
}

async function arrays({ ask }: Wanted): Promise<Offer> {
  const answer = await ask((client) =>
    client.call("GET /jobs", { limit: MOST_JOBS, states: unfinishedStates }),
  );
  const found = new Map<number, string>();
  for (const job of answer?.jobs ?? []) if (job.array !== null) found.set(job.array.id, aboutJob(job));
  return offerOf([...found].map(([id, about]) => candidate(String(id), about)));
}

async function workers({ ask }: Wanted): Promise<Offer> {
  const answer = await ask((client) => client.call("GET /workers", {}));
  return offerOf(answer?.workers.map(({ name, state, runtime }) => candidate(name, `${state}, ${runtime}`)));
}

async function gpus({ ask }: Wanted): Promise<Offer> {
  const answer = await ask((client) => client.call("GET /gpus", {}));
  return offerOf(
    answer?.gpus.map(({ index, name, memory }) =>
      candidate(String(index), `${name}, ${formatBytes(memory.freeBytes)} free`),
    ),
  );
}

async function schedules({ ask }: Wanted): Promise<Offer> {
  const answer = await ask((client) => client.call("GET /schedules", {}));
  return offerOf(answer?.schedules.map(({ name, line, summary }) => candidate(name, `${line}: ${summary}`)));
}

async function reservations({ ask }: Wanted): Promise<Offer> {
  const answer = await ask((client) => client.call("GET /reservations", {}));
  return offerOf(answer?.reservations.map(({ name, state }) => candidate(name, state)));
}

/** The word behind the last comma of a list; what is in the list already is not offered again. */
async function inList(wanted: Wanted, source: Source): Promise<Offer> {
  return listOffer(wanted.typed, await source(wanted));
}

/** The same for words that are known. */
export function listOffer(typed: string, offer: Offer): Offer {
  const head = typed.slice(0, typed.lastIndexOf(",") + 1);
  const taken = new Set(head.split(","));
  const candidates = offer.candidates.filter(({ value }) => !taken.has(value));
  return withHead({ ...offer, candidates }, head);
}

function both(first: Offer, second: Offer): Offer {
  return offerOf([...first.candidates, ...second.candidates]);
}

function candidate(value: string, about: string): Candidate {
  return { value, about: truncate(oneLine(about), ABOUT_COLUMNS) };
}

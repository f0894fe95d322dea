/** The views of the page, in the order of the navigation. */
export const viewNames = ["overview", "jobs", "gpus", "workers", "runtimes", "timetable", "stats"] as const;
export type ViewName = (typeof viewNames)[number];

/** Where the page is: a view, and what of it is open (a job, a runtime). */
export interface Place {
  readonly view: ViewName;
  readonly item: string | null;
}

/** Reads the part of the address after "#", e.g. "#/jobs/42". What nobody knows is the overview. */
export function readPlace(hash: string): Place {
  const [, view = "", item = ""] = /^#\/([a-z]*)(?:\/(.*))?$/.exec(hash) ?? [];
  const known = viewNames.find((name) => name === view);
  if (known === undefined) return { view: "overview", item: null };
  return { view: known, item: item === "" ? null : decoded(item) };
}

/** The address of a place, for a link. */
export function hrefOf(view: ViewName, item: string | number | null = null): string {
  return item === null ? `#/${view}` : `#/${view}/${encodeURIComponent(item)}`;
}

/** What the view of jobs has open: the jobs of one array instead of all, and a job beside the list. */
export interface JobPlace {
  readonly array: number | null;
  readonly job: number | null;
}

/** Reads what is open of the view of jobs: "42", "array-12", "array-12/42". What nobody knows is nothing. */
export function readJobPlace(item: string | null): JobPlace {
  const [, array, job] = /^(?:array-(\d+)(?:\/|$))?(\d+)?$/.exec(item ?? "") ?? [];
  return { array: array === undefined ? null : Number(array), job: job === undefined ? null : Number(job) };
}

/** The address of a job or an array in the view of jobs. */
export function hrefOfJobs({ array, job }: Partial<JobPlace>): string {
  const parts = [array == null ? null : `array-${array}`, job ?? null].filter((part) => part !== null);
  return hrefOf("jobs", parts.length === 0 ? null : parts.join("/"));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The views of the page, in the order of the navigation. */
export const viewNames = ["overview", "jobs", "gpus", "workers", "runtimes", "stats"] as const;
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

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

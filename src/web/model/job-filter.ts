import type { JobView } from "../../protocol/views.ts";

/** The groups of states that the list of jobs offers. */
export const jobTabs = [
  { name: "all", title: "All", states: null },
  { name: "active", title: "Active", states: ["starting", "running"] },
  { name: "queued", title: "Queued", states: ["queued"] },
  { name: "held", title: "Held", states: ["held"] },
  { name: "succeeded", title: "Succeeded", states: ["succeeded"] },
  { name: "failed", title: "Failed", states: ["failed"] },
  { name: "cancelled", title: "Cancelled", states: ["cancelled"] },
] as const satisfies readonly { name: string; title: string; states: readonly JobView["state"][] | null }[];

/** What `GET /jobs` is asked for besides states. */
export interface JobQuery {
  readonly filter?: string;
}

/**
 * What somebody typed, as a filter of the daemon: a condition ("state = failed and runtime = sdxl") as it is, a number as
 * an id, other words as a text that is looked for in what people know a job by. Empty: no filter.
 */
export function readJobFilter(typed: string): JobQuery {
  const text = typed.trim();
  if (text === "") return {};
  if (/[=<>~]|\b(?:not )?in \(/.test(text)) return { filter: text };
  if (/^#?\d+$/.test(text)) return { filter: `id = ${text.replace("#", "")}` };
  const quoted = `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  return {
    filter: ["summary", "label", "runtime", "user"].map((field) => `${field} ~ ${quoted}`).join(" or "),
  };
}

/** How many jobs are in a tab's states. */
export function countIn(
  states: readonly JobView["state"][] | null,
  counts: Partial<Record<JobView["state"], number>>,
): number {
  return Object.entries(counts).reduce(
    (sum, [state, count]) => (states === null || states.some((each) => each === state) ? sum + count : sum),
    0,
  );
}

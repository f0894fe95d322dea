import { resolve } from "node:path";
import type { Client } from "../../client/client.ts";
import type { Submission } from "../../operations/api.ts";
import type { RuntimeView } from "../../protocol/views.ts";
import { readSweepValues } from "../../std/sweep-values.ts";
import type { Context } from "../context.ts";
import { arraySentence, hintArray, idsOf, noteRepeat } from "../text/array-text.ts";
import { fetchInto } from "./gather-params.ts";
import { keyOf } from "./job-options.ts";
import { isAddress } from "./params.ts";
import type { SubmitFlags } from "./submit-flags.ts";
import { resultOptionsOf, waitForResult } from "./wait-for-result.ts";
import { webhookOf } from "./webhook-flags.ts";

interface Asked {
  readonly runtime: RuntimeView;
  readonly flags: SubmitFlags;
  readonly submission: Submission & {
    readonly array?: string;
    readonly sweep?: readonly string[];
    readonly atOnce?: number;
  };
}

/** Queues an array or a sweep of a runtime in one request; with --wait follows all of its jobs to their ends. */
export async function submitArray(context: Context, client: Client, asked: Asked): Promise<number> {
  const { out } = context;
  const { flags, submission, runtime } = asked;
  const sweep = await Promise.all(
    (submission.sweep ?? []).map((assignment) => withWholePaths(context, runtime, assignment)),
  );
  const queued = await client.call("POST /jobs/array", {
    ...submission,
    ...(sweep.length === 0 ? {} : { sweep }),
    ...keyOf(flags),
    ...webhookOf(flags),
  });
  noteRepeat(out, queued);
  if (flags.wait === true) {
    return waitForResult(context, client, { jobs: idsOf(queued), many: true, ...resultOptionsOf(flags) });
  }
  out.result(queued, { ids: idsOf(queued), text: () => out.print(arraySentence(queued)) });
  hintArray(out, queued);
  return 0;
}

/** Files of a sweep made absolute, as the daemon runs elsewhere; those on the web are fetched. */
async function withWholePaths(context: Context, runtime: RuntimeView, assignment: string): Promise<string> {
  const at = assignment.indexOf("=");
  const name = assignment.slice(0, Math.max(0, at)).trim();
  const param = runtime.params.find((candidate) => candidate.name === name);
  if (param?.type !== "file") return assignment;
  const { count, at: valueAt } = readSweepValues(name, assignment.slice(at + 1));
  const fetch = fetchInto(context);
  const files: unknown[] = [];
  for (let index = 0; index < count; index++) {
    const value = valueAt(index);
    if (typeof value !== "string") files.push(value);
    else files.push(isAddress(value) ? await fetch(value) : resolve(context.io.cwd, value));
  }
  return `${name}=${JSON.stringify(files)}`;
}

import { resolve } from "node:path";
import type { Submission } from "../../client/api.ts";
import type { Client } from "../../client/client.ts";
import type { RuntimeView } from "../../protocol/views.ts";
import { Failure } from "../../std/failure.ts";
import { readSweepValues } from "../../std/sweep-values.ts";
import type { Context } from "../context.ts";
import { arraySentence, idsOf, noteRepeat } from "../text/array-text.ts";
import { keyOf } from "./job-options.ts";
import type { SubmitFlags } from "./submit-flags.ts";
import { waitForResult } from "./wait-for-result.ts";

/** So many jobs can be followed in one request. */
const MAX_WAITED = 1000;

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
  const { out, io } = context;
  const { flags, submission, runtime } = asked;
  const sweep = submission.sweep?.map((assignment) => withWholePaths(runtime, assignment, io.cwd));
  const queued = await client.call("POST /jobs/array", {
    ...submission,
    ...(sweep === undefined ? {} : { sweep }),
    ...keyOf(flags),
  });
  noteRepeat(out, queued);
  if (flags.wait === true) {
    if (queued.jobs > MAX_WAITED) {
      throw new Failure("usage/invalid", `${arraySentence(queued)} are queued, too many to wait for here`, {
        hint: `orch ls --array ${queued.array}`,
      });
    }
    return waitForResult(context, client, { jobs: idsOf(queued), outDir: flags.out, many: true });
  }
  out.result(queued, { ids: idsOf(queued), text: () => out.print(arraySentence(queued)) });
  out.hint(`list: orch ls --array ${queued.array}    cancel: orch cancel --array ${queued.array}`);
  return 0;
}

/** Files of a sweep made absolute, as the daemon runs elsewhere. */
function withWholePaths(runtime: RuntimeView, assignment: string, cwd: string): string {
  const at = assignment.indexOf("=");
  const name = assignment.slice(0, Math.max(0, at)).trim();
  const param = runtime.params.find((candidate) => candidate.name === name);
  if (param?.type !== "file") return assignment;
  const { count, at: valueAt } = readSweepValues(name, assignment.slice(at + 1));
  const files = Array.from({ length: count }, (_, index) => {
    const value = valueAt(index);
    return typeof value !== "string" || /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : resolve(cwd, value);
  });
  return `${name}=${JSON.stringify(files)}`;
}

import { pageOf } from "./page.ts";
import { choosePolicies, policyOf } from "./policies.ts";
import { replay } from "./replay.ts";
import { describeSetup, type PolicyReport, reportOf, type SimReport } from "./report.ts";
import { readTrace } from "./trace.ts";
import type { ReplayHost } from "./trace-requests.ts";

export type { PolicyReport, SimReport };

/** What `orch sim` asks for. */
export interface SimRequest {
  /** The text of the trace. */
  readonly chunks: AsyncIterable<string> | Iterable<string>;
  /** What messages call it. */
  readonly name: string;
  readonly host: ReplayHost;
  /** Names of policies; "all" is one. */
  readonly policies: readonly string[];
  /** Whether to make the page, too. */
  readonly wantsPage: boolean;
}

export interface SimResult {
  readonly report: SimReport;
  /** The page as HTML, if it was asked for. */
  readonly page: string | null;
}

/**
 * Replays a trace against policies in virtual time, through the very scheduler that the daemon runs.
 * @throws Failure usage/invalid for the trace and for unknown policies, gpu/* for jobs that the host could never run
 */
export async function simulate(request: SimRequest): Promise<SimResult> {
  const chosen = choosePolicies(request.policies);
  const trace = await readTrace(request.chunks, request.name);
  const replays = [...chosen].map(([name, policy]) => {
    const made = replay(trace.jobs, request.host, policyOf(policy.settings));
    return { replay: made, report: reportOf(name, policy.summary, trace.jobs, request.host.gpus, made) };
  });
  const policies: PolicyReport[] = replays.map((entry) => entry.report);
  const report = { ...describeSetup(request.name, trace, request.host), policies };
  return { report, page: request.wantsPage ? pageOf(report, replays) : null };
}

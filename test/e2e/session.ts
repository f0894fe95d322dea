import Sqlite from "better-sqlite3";
import { beforeAll } from "vitest";
import type { JobDetail, JobView } from "../../src/protocol/views.ts";
import { sharedOrch } from "../kit/built-orch.ts";
import { createOrchHome, type OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";

/** Has orch built before the tests of a file; gives the maker of homes. */
export function useOrch(): (extra?: Readonly<Record<string, string>>) => OrchHome {
  let bin = "";
  beforeAll(async () => {
    bin = await sharedOrch();
  });
  return (extra) => createOrchHome(bin, { ORCH_GPUS: "virtual:1x1GiB", ...extra });
}

/** Waits until the job is in one of the states, and gives it. */
export function untilState(home: OrchHome, job: number, ...states: JobView["state"][]): Promise<JobDetail> {
  return until(
    `job ${job} is ${states.join(" or ")}`,
    async () => {
      const detail = await home.client.call("GET /jobs/:job", { job });
      return states.includes(detail.state) ? detail : null;
    },
    40_000,
  );
}

/** Waits for the end of a job. */
export function untilOver(home: OrchHome, job: number): Promise<JobDetail> {
  return untilState(home, job, "succeeded", "failed", "cancelled");
}

/** Submits a command with `orch run -d` and gives its id. */
export async function runDetached(home: OrchHome, ...args: string[]): Promise<number> {
  return idOf(await home.orch(["run", "-q", "-d", ...args]));
}

/** Submits with `orch submit` and gives the id. */
export async function submit(home: OrchHome, ...args: string[]): Promise<number> {
  return idOf(await home.orch(["submit", ...args, "-q"]));
}

function idOf({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }): number {
  if (code !== 0) throw new Error(`orch ended with ${code}: ${stderr}`);
  return Number(stdout.trim());
}

/** Rows of the database, read beside the daemon. */
export function query<Row>(home: OrchHome, sql: string, ...values: (string | number)[]): Row[] {
  const db = new Sqlite(home.database, { readonly: true, timeout: 5000 });
  try {
    return db.prepare(sql).all(...values) as Row[];
  } finally {
    db.close();
  }
}

import type { Client } from "../../client/client.ts";
import { Failure } from "../../std/failure.ts";
import type { Context } from "../context.ts";
import { describeEta } from "../text/eta-text.ts";

/** Sooner than this is not worth a line. */
const SOON_MS = 2_000;

/** Tells people when a waiting job is expected to start. Saying nothing is no failure: the job is queued in any case. */
export async function noteStart({ io, out }: Context, client: Client, job: number): Promise<void> {
  try {
    const { eta } = await client.call("GET /jobs/:job/why", { job });
    if (eta !== null && eta.inMs >= SOON_MS)
      out.note(`job ${job} starts ${describeEta(eta, io.clock.nowMs())}`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

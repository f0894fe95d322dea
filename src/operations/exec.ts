import { z } from "zod";
import { readContainerFile } from "../engine/container/container-file.ts";
import { must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import type { Context } from "./context.ts";
import { findJob } from "./job-view.ts";
import { operation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";
import { findWorkerId } from "./worker-view.ts";

/** Of a program no more than its name is noted: arguments can be secrets. */
const ProgramName = z
  .string()
  .max(255)
  .regex(/^[^/\p{Cc}\p{Cf}]+$/u, "expected the name of a program, without its folder");

export const exec = operation({
  route: "POST /workers/:worker/exec",
  summary:
    "The process of a running worker, beside which its owner may run a command; it is noted as an event",
  who: "owner",
  input: z.object({ worker: z.string(), program: ProgramName }).strict(),
  output: z.object({
    worker: z.string(),
    pid: z.number().int().describe("its supervisor: the program is a child of it"),
    container: z
      .object({
        name: z.string(),
        command: z.array(z.string()).describe("the engine's program and what comes before every verb"),
        env: z.record(z.string(), z.string()).describe("what it needs to find the engine"),
      })
      .nullable()
      .describe("null for a plain process"),
  }),
  async run(ctx, input, caller) {
    const id = findWorkerId(ctx, input.worker);
    refuseStranger(ctx.host.uid, ownerOf(ctx, id), caller);
    const row = must(ctx.queries.worker(id), `worker ${id} is not in the database`);
    const pid = row.identity === null ? null : (JSON.parse(row.identity) as { pid?: number }).pid;
    if (pid === null || pid === undefined) {
      throw new Failure("worker/state", `${row.name} has no program yet: it is ${row.state}`, {
        hint: `orch workers ls`,
      });
    }
    const container = readContainerFile(ctx.places.workerDir(id));
    await ctx.ask({ type: "exec", workerId: id, user: caller.user, program: input.program });
    return {
      worker: row.name,
      pid,
      container: container && { name: container.name, command: [...container.command], env: container.env },
    };
  },
});

/** A one-shot worker belongs to whoever submitted its job; one that serves many jobs to who runs the daemon. */
function ownerOf(ctx: Context, workerId: number) {
  const worker = must(ctx.state().workers.get(workerId), `worker ${workerId} is not there`);
  const [job] = worker.jobs;
  const isOneShot = worker.lane.spec.residency === "one-shot";
  const { uid, user } =
    isOneShot && job ? findJob(ctx, job.id) : { uid: ctx.host.uid, user: "the daemon's user" };
  return { id: workerId, uid, user, what: `worker ${worker.name}` };
}

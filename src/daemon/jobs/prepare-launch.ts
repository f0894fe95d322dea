import fs from "node:fs";
import type { Launch } from "../../engine/engine.ts";
import { gpuEnvOf } from "../../operations/gpu-env.ts";
import { type ExecJob, planLaunch } from "../../runtime/launch.ts";
import type { Job } from "../../scheduler/job-model.ts";
import type { Worker } from "../../scheduler/model.ts";
import { must } from "../../std/assert.ts";
import { giveWay } from "../../std/give-way.ts";
import type { Json } from "../../std/json.ts";
import type { JobRow } from "../../store/queries.ts";
import { prepareContainer } from "../containers/prepare-container.ts";
import { withoutGpuVariables } from "../gpus/gpu-env.ts";
import { makeContact } from "../workers/contact.ts";
import { pythonOf } from "../workers/prepare-lane.ts";
import type { World } from "../world.ts";
import { attemptEnv, commandOf } from "./attempt-env.ts";
import { grantWishes } from "./grant-wishes.ts";
import { terminalLaunch } from "./terminal-launch.ts";

/**
 * Decides what the engine starts for a worker, and puts its files in place.
 * @param onEnvironment called before it is seen that what was prepared is there
 */
export async function prepareLaunch(
  world: World,
  worker: Worker,
  onEnvironment: () => void,
): Promise<Launch> {
  const [job] = worker.jobs;
  const gpuEnv = {
    ...gpuEnvOf(world.sampler.latest(), uuidsOf(worker)),
    ...(await world.sharedGpus.envFor(worker)),
  };
  if (worker.lane.spec.runtime === "run") {
    await giveWay(); // A thousand may start at once.
    return commandLaunch(world, worker, gpuEnv, must(job, "a command has its job"));
  }
  const runtime = world.runtimes.get(worker.lane.spec.runtime);
  if (worker.lane.spec.needsPreparation !== null) onEnvironment();
  const python = await pythonOf(world, runtime);
  const isOneShot = worker.lane.spec.residency === "one-shot";
  const { protocol, endpoint, port } = await makeContact(world, worker, runtime);
  const context = {
    ...launchContext(world, worker),
    gpuEnv,
    socketPath: protocol === "orch" ? endpoint : null,
    port,
    pythonPath: python,
    job: isOneShot ? execJob(world, worker, must(job, "a one-shot worker has its job")) : null,
  };
  const jobEnv = isOneShot && job ? attemptEnv(world.instanceId, job, rowOf(world, job)) : {};
  const logPath =
    isOneShot && job ? world.places.attemptLog(job.id, job.attempts) : world.places.workerLog(worker.id);
  const common = { workerId: worker.id, dir: world.places.workerDir(worker.id), logPath };
  if (runtime.engine === "container")
    return { ...common, ...(await prepareContainer(world, runtime, context, worker.lane.spec, jobEnv)) };
  const plan = planLaunch(runtime, context);
  const secrets = world.secrets.forWorker(runtime.name, runtime.secrets);
  return { ...common, argv: plan.argv, env: { ...plan.env, ...jobEnv, ...secrets }, cwd: plan.cwd };
}

function launchContext(world: World, worker: Worker) {
  return {
    load: JSON.parse(worker.lane.spec.load) as Record<string, Json>,
    gpuUuids: uuidsOf(worker),
    vramBytes: leasedVramBytes(worker),
    fence: worker.fence,
    workerId: worker.id,
    instanceId: world.instanceId,
    sdkDir: world.sdkDir,
    baseEnv: world.baseEnv,
  };
}

function uuidsOf({ leases }: Worker): readonly string[] {
  return leases.map((lease) => lease.gpu.uuid);
}

/** What every GPU gives at least, since leases of a whole GPU may differ. */
function leasedVramBytes({ leases }: Worker): number | null {
  return leases.length === 0 ? null : Math.min(...leases.map((lease) => lease.vramBytes));
}

function execJob(world: World, worker: Worker, job: Job): ExecJob {
  const { params } = rowOf(world, job);
  const paramsPath = world.places.paramsFile(worker.id);
  const outputDir = world.places.jobOutputDir(job.id);
  fs.mkdirSync(outputDir, { recursive: true, mode: 0o700 });
  fs.writeFileSync(paramsPath, JSON.stringify(params), { mode: 0o600 });
  return { jobId: job.id, params, paramsPath, outputDir, eventsPath: world.places.eventsFile(worker.id) };
}

/** A command runs where and with the environment in which it was submitted; the lease decides which GPUs it sees. */
function commandLaunch(
  world: World,
  worker: Worker,
  gpuEnv: Readonly<Record<string, string>>,
  job: Job,
): Launch {
  const row = rowOf(world, job);
  const vramBytes = leasedVramBytes(worker);
  const own = {
    ORCH_INSTANCE: world.instanceId,
    ORCH_WORKER: String(worker.id),
    ORCH_JOB: String(job.id),
    ORCH_FENCE: String(worker.fence),
    ...attemptEnv(world.instanceId, job, row),
    ...gpuEnv,
    ...(vramBytes === null ? {} : { ORCH_VRAM_BYTES: String(vramBytes) }),
  };
  const plain = {
    workerId: worker.id,
    argv: must(commandOf(job, row), `job ${job.id} has no command`),
    env: { ...world.baseEnv, ...withoutGpuVariables(world.queries.environment(job.id)), ...own },
    cwd: row.cwd ?? "/",
    dir: world.places.workerDir(worker.id),
    logPath: world.places.attemptLog(job.id, job.attempts),
  };
  const launch = grantWishes(plain, job, row);
  return row.terminal === null ? launch : terminalLaunch(world, launch, row.terminal);
}

function rowOf(world: World, job: Job): JobRow {
  return must(world.queries.job(job.id), `job ${job.id} is not in the database`);
}

import fs from "node:fs";
import type { Launch } from "../engine/engine.ts";
import { ensurePythonEnvironment } from "../engine/python-environment.ts";
import { type ExecJob, planLaunch } from "../runtime/launch.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Job } from "../scheduler/job-model.ts";
import type { Worker } from "../scheduler/model.ts";
import { must } from "../std/assert.ts";
import type { Json } from "../std/json.ts";
import type { JobRow } from "../store/queries.ts";
import { attemptEnv, commandOf } from "./attempt-env.ts";
import { makeContact } from "./contact.ts";
import { readSecrets } from "./read-secrets.ts";
import type { World } from "./world.ts";

/**
 * Decides what the engine starts for a worker, and puts its files in place.
 * @param onEnvironment called before something slow is built.
 */
export async function prepareLaunch(
  world: World,
  worker: Worker,
  onEnvironment: () => void,
): Promise<Launch> {
  const [job] = worker.jobs;
  if (worker.lane.spec.runtime === "run")
    return commandLaunch(world, worker, must(job, "a command has its job"));
  const runtime = world.runtimes.get(worker.lane.spec.runtime);
  const python = runtime.python?.requirementsPath
    ? await pythonOf(world, worker, runtime, onEnvironment)
    : null;
  const isOneShot = worker.lane.spec.residency === "one-shot";
  const { protocol, endpoint, port } = await makeContact(world, worker, runtime);
  const plan = planLaunch(runtime, {
    ...launchContext(world, worker),
    socketPath: protocol === "orch" ? endpoint : null,
    port,
    pythonPath: python,
    job: isOneShot ? execJob(world, worker, must(job, "a one-shot worker has its job")) : null,
  });
  const logPath =
    isOneShot && job ? world.places.attemptLog(job.id, job.attempts) : world.places.workerLog(worker.id);
  return {
    workerId: worker.id,
    argv: plan.argv,
    env: {
      ...plan.env,
      ...(isOneShot && job ? attemptEnv(job, rowOf(world, job)) : {}),
      ...readSecrets(world.secretsDir, runtime.secrets),
    },
    cwd: plan.cwd,
    dir: world.places.workerDir(worker.id),
    logPath,
  };
}

function launchContext(world: World, worker: Worker) {
  return {
    load: JSON.parse(worker.lane.spec.load) as Record<string, Json>,
    gpuUuids: worker.leases.map((lease) => lease.gpu.uuid),
    vramBytes: leasedVramBytes(worker),
    fence: worker.fence,
    workerId: worker.id,
    instanceId: world.instanceId,
    sdkDir: world.sdkDir,
    baseEnv: world.baseEnv,
  };
}

/** What every GPU gives at least, since leases of a whole GPU may differ. */
function leasedVramBytes({ leases }: Worker): number | null {
  return leases.length === 0 ? null : Math.min(...leases.map((lease) => lease.vramBytes));
}

async function pythonOf(
  world: World,
  worker: Worker,
  runtime: Runtime,
  onEnvironment: () => void,
): Promise<string> {
  onEnvironment();
  const { pythonPath } = await ensurePythonEnvironment({
    runtimeName: runtime.name,
    requirementsPath: runtime.python?.requirementsPath ?? null,
    cacheDir: world.cacheDir,
    instanceId: world.instanceId,
    onLog: (line) => world.log.debug({ worker: worker.name, line }, "python environment"),
  });
  return pythonPath;
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
function commandLaunch(world: World, worker: Worker, job: Job): Launch {
  const row = rowOf(world, job);
  const vramBytes = leasedVramBytes(worker);
  const own = {
    ORCH_INSTANCE: world.instanceId,
    ORCH_WORKER: String(worker.id),
    ORCH_JOB: String(job.id),
    ORCH_FENCE: String(worker.fence),
    ...attemptEnv(job, row),
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    CUDA_VISIBLE_DEVICES: worker.leases.map((lease) => lease.gpu.uuid).join(","),
    ...(vramBytes === null ? {} : { ORCH_VRAM_BYTES: String(vramBytes) }),
  };
  return {
    workerId: worker.id,
    argv: must(commandOf(job, row), `job ${job.id} has no command`),
    env: { ...world.baseEnv, ...world.queries.environment(job.id), ...own },
    cwd: row.cwd ?? "/",
    dir: world.places.workerDir(worker.id),
    logPath: world.places.attemptLog(job.id, job.attempts),
  };
}

function rowOf(world: World, job: Job): JobRow {
  return must(world.queries.job(job.id), `job ${job.id} is not in the database`);
}

import { Failure } from "../std/failure.ts";
import type { ConfigKey } from "./config.ts";

const HOSTS_LIMITS = "it limits what programs on this host may take";
const HOSTS_USERS = "it says who may use this host, and how much of it";
const HOSTS_ENGINE = "it says what is run as the user of the daemon";
const HOSTS_RECORDS = "it says which records of this host are removed";

/**
 * Why a key is for who runs the daemon alone, whoever wrote the project; null = a project's `.orch.yaml` may set it: how GPUs
 * are seen and how work is placed there. A new key does not compile before that is decided.
 */
const whyOfHost: Readonly<Record<ConfigKey, string | null>> = {
  gpus: null,
  autostart: null,
  cpuCores: null,
  ram: null,
  quantumFactor: null,
  urgency: null,
  vramReserve: null,
  priorities: null,
  energyPrice: null,
  logLevel: null,
  fairShareHalfLife: HOSTS_USERS,
  quotas: HOSTS_USERS,
  group: HOSTS_USERS,
  admins: HOSTS_USERS,
  allowRootJobs: HOSTS_USERS,
  workerUser: HOSTS_USERS,
  cgroups: HOSTS_LIMITS,
  limitCpus: HOSTS_LIMITS,
  maxProcesses: HOSTS_LIMITS,
  mps: "it starts a program that everybody's work on the GPUs goes through",
  containerEngine: HOSTS_ENGINE,
  containerGlobalArgs: HOSTS_ENGINE,
  containerArgs: "it opens the host to programs in containers",
  logMaxBytes: HOSTS_RECORDS,
  logKeepParts: HOSTS_RECORDS,
  logRotateEvery: HOSTS_RECORDS,
  logMaxAge: HOSTS_RECORDS,
  logTotal: HOSTS_RECORDS,
  gpuHistoryFine: HOSTS_RECORDS,
  gpuHistoryMinutes: HOSTS_RECORDS,
  gpuHistoryHours: HOSTS_RECORDS,
  gateway: "it opens this host to others",
  tasks: "it says where results are written and sent, and which variables of the daemon are told",
  metrics: "it says where the daemon writes files",
};

/**
 * Refuses a key in a project's `.orch.yaml` that only who runs the daemon may set.
 * @param where position of the key, e.g. "/srv/work/.orch.yaml:2:1"
 * @throws Failure config/invalid
 */
export function refuseOfProject(key: ConfigKey, where: string, configFile: string): void {
  const why = whyOfHost[key];
  if (why === null) return;
  throw new Failure("config/invalid", `${where}: ${key} is not for a project to set`, {
    why,
    hint: `write it into ${configFile}`,
  });
}

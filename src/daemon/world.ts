import type { Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import type { Freezer } from "../gpu/freeze/freezer.ts";
import type { Sampler } from "../gpu/sampler.ts";
import type { Progress, Written } from "../operations/context.ts";
import type { Registry } from "../runtime/discover.ts";
import type { Report } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import type { Clock } from "../std/clock.ts";
import type { Rng } from "../std/rng.ts";
import type { Queries } from "../store/queries.ts";
import type { Containers } from "./containers/containers.ts";
import type { Measure } from "./gpus/measure.ts";
import type { HostMemory } from "./gpus/memory-trouble.ts";
import type { SharedGpus } from "./gpus/share-gpus.ts";
import type { Hands } from "./hands.ts";
import type { KeptLogs } from "./logs/keep-logs.ts";
import type { SecretBook } from "./logs/secret-book.ts";
import type { DaemonPlaces } from "./places.ts";
import type { Desk } from "./requests/desk.ts";
import type { Users } from "./users/users.ts";
import type { Contact } from "./workers/contact.ts";
import type { ProtocolOf } from "./workers/protocols.ts";

/** What the performing of effects works with. Everything it learns goes back through `report`. */
export interface World {
  readonly state: () => State;
  readonly report: (report: Report) => void;
  readonly engine: Engine;
  /** Null = one user is served, and all that is started runs as that one. */
  readonly users: Users | null;
  /** What every worker is held to, besides its lease. */
  readonly limits: { readonly cpus: boolean; readonly maxProcesses: number | null };
  readonly containers: Containers;
  readonly sharedGpus: SharedGpus;
  readonly protocolOf: ProtocolOf;
  /** How living workers are spoken to, as far as it was asked: see contactOf. */
  readonly contacts: Map<number, Contact>;
  readonly sampler: Sampler;
  /** Jobs whose callers wait on the line. */
  readonly requests: () => Desk;
  readonly freezer: Freezer;
  readonly runtimes: Registry;
  readonly queries: Queries;
  readonly places: DaemonPlaces;
  readonly hands: Hands;
  readonly measure: Measure;
  readonly hostMemory: HostMemory;
  readonly clock: Clock;
  /** Spreads what would otherwise happen to many workers at once. */
  readonly rng: Rng;
  readonly log: Logger;
  readonly instanceId: string;
  readonly cacheDir: string;
  readonly sdkDir: string;
  /** The program that holds the terminals of jobs; see engine/pty-holder.ts. */
  readonly terminalHolder: string;
  /** Holds one file per secret. */
  readonly secretsDir: string;
  /** PATH, HOME and LANG of the daemon, for workers of runtimes. */
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly secrets: SecretBook;
  readonly logs: KeptLogs;
  readonly noteProgress: (jobId: number, progress: Progress) => void;
  readonly noteWritten: (jobId: number, written: Written) => void;
}

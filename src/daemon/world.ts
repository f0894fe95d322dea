import type { Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import type { Sampler } from "../gpu/sampler.ts";
import type { Progress } from "../operations/context.ts";
import type { Registry } from "../runtime/discover.ts";
import type { Report } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import type { Clock } from "../std/clock.ts";
import type { Queries } from "../store/queries.ts";
import type { Contact } from "./contact.ts";
import type { Hands } from "./hands.ts";
import type { Measure } from "./measure.ts";
import type { HostMemory } from "./memory-trouble.ts";
import type { DaemonPlaces } from "./places.ts";
import type { ProtocolOf } from "./protocols.ts";

/** What the performing of effects works with. Everything it learns goes back through `report`. */
export interface World {
  readonly state: () => State;
  readonly report: (report: Report) => void;
  readonly engine: Engine;
  readonly protocolOf: ProtocolOf;
  /** How living workers are spoken to, as far as it was asked: see contactOf. */
  readonly contacts: Map<number, Contact>;
  readonly sampler: Sampler;
  readonly runtimes: Registry;
  readonly queries: Queries;
  readonly places: DaemonPlaces;
  readonly hands: Hands;
  readonly measure: Measure;
  readonly hostMemory: HostMemory;
  readonly clock: Clock;
  readonly log: Logger;
  readonly instanceId: string;
  readonly cacheDir: string;
  readonly sdkDir: string;
  /** Holds one file per secret. */
  readonly secretsDir: string;
  /** PATH, HOME and LANG of the daemon, for workers of runtimes. */
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly noteProgress: (jobId: number, progress: Progress) => void;
}

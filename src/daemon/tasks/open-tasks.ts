import type { Logger } from "pino";
import type { Config } from "../../config/config.ts";
import type { ClientJobBook } from "../../gateway/compat/jobs/client-job-book.ts";
import type { RoutedBook } from "../../gateway/compat/router/routed-book.ts";
import type { Clock } from "../../std/clock.ts";
import { parseListenAddress } from "../../std/listen-address.ts";
import type { Database } from "../../store/database.ts";
import { createLabelledJobs } from "../../store/labelled-jobs.ts";
import { createRoutedTable } from "../../store/routed.ts";
import { createQuietWrite } from "../quiet-write.ts";
import { createClientJobBook } from "./client-jobs.ts";
import type { DeliverySettings } from "./deliver.ts";
import { createTasks, type DrivenTasks, usualResultsDir } from "./task-book.ts";

interface Parts {
  readonly config: Pick<Config, "tasks" | "gateway">;
  readonly stateDir: string;
  readonly db: Database;
  /** The same database for reading. */
  readonly reader: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly crash: (error: unknown) => void;
}

/** Tasks of documents, and what the older systems' clients have had done. */
export interface TaskBooks {
  readonly tasks: DrivenTasks;
  readonly clientJobs: ClientJobBook;
  readonly routed: RoutedBook;
}

/** Opens the books on the daemon's database. */
export function openTasks({ config, stateDir, db, reader, clock, log, crash }: Parts): TaskBooks {
  const write = createQuietWrite({ db, clock, crash });
  const { results, runtimes, environment, deliverTo, keep } = config.tasks;
  const tasks = createTasks({
    ...{ db, reader, write, clock, log },
    settings: {
      ...{ runtimes, environment, keepMs: keep },
      resultsDir: results ?? usualResultsDir(stateDir),
      delivery: { hosts: deliverTo, own: ownPlaces(config) },
    },
  });
  const table = createRoutedTable(db, reader);
  const clientJobs = createClientJobBook(createLabelledJobs(reader));
  return { tasks, clientJobs, routed: { ...table, note: (task) => write(() => table.insert(task)) } };
}

/** The port at which the older system listened, which documents name; what it is set to now may be another. */
const OLD_PORT = 8000;

function ownPlaces({ gateway }: Pick<Config, "gateway">): DeliverySettings["own"] {
  const old = { port: OLD_PORT, prefix: "" };
  const door = gateway?.compat.mloc;
  if (gateway === null || door === undefined) return [old];
  const { port } = parseListenAddress(door.listen ?? gateway.listen);
  return [old, { port, prefix: door.listen === null ? (door.prefix ?? "/mloc") : "" }];
}

import { type Database, translate } from "./database.ts";

export type RoutedNode = "EDGE" | "CLOUD" | "GPU";

/** A task that the router sent to a node. */
export interface RoutedTask {
  readonly id: string;
  readonly uid: number;
  readonly type: string;
  readonly priority: number;
  readonly latency: number;
  readonly costSensitivity: number;
  readonly requiresGpu: boolean;
  readonly node: RoutedNode;
  readonly confidence: number;
  readonly seconds: number;
  /** Dollars. */
  readonly cost: number;
  readonly succeeded: boolean;
  readonly explanation: string;
  /** What was known when the node was chosen, as the model takes it. */
  readonly features: readonly number[];
  readonly atMs: number;
}

/** What a node did in all. */
export interface RoutedTotal {
  readonly node: RoutedNode;
  readonly tasks: number;
  readonly succeeded: number;
  readonly seconds: number;
  readonly cost: number;
}

/** Routed tasks of an open database. `insert` is a transaction of its own: not to be made while another is open. */
export interface RoutedTable {
  insert(task: RoutedTask): void;
  /** The newest first; null = of all nodes, of everybody. */
  list(asked: {
    readonly limit: number;
    readonly node: string | null;
    readonly uid: number | null;
  }): RoutedTask[];
  totals(uid: number | null): RoutedTotal[];
}

type RawTask = Omit<RoutedTask, "requiresGpu" | "succeeded" | "features"> & {
  readonly requiresGpu: number;
  readonly succeeded: number;
  readonly features: string;
};

/** @param reader the same database, for reading what is committed */
export function createRoutedTable(db: Database, reader: Database): RoutedTable {
  const insert = db.prepare(
    `INSERT INTO routed (id, uid, type, priority, latency, cost_sensitivity, requires_gpu, node, confidence, seconds, cost,
       succeeded, explanation, features, at)
     VALUES (:id, :uid, :type, :priority, :latency, :costSensitivity, :requiresGpu, :node, :confidence, :seconds, :cost,
       :succeeded, :explanation, :features, :atMs)`,
  );
  const list = reader.prepare(
    `SELECT id, uid, type, priority, latency, cost_sensitivity AS costSensitivity, requires_gpu AS requiresGpu, node,
       confidence, seconds, cost, succeeded, explanation, features, at AS atMs
     FROM routed WHERE (:node IS NULL OR node = :node) AND (:uid IS NULL OR uid = :uid) ORDER BY seq DESC LIMIT :limit`,
  );
  const totals = reader.prepare(
    `SELECT node, COUNT(*) AS tasks, SUM(succeeded) AS succeeded, SUM(seconds) AS seconds, SUM(cost) AS cost
     FROM routed WHERE :uid IS NULL OR uid = :uid GROUP BY node`,
  );
  return {
    insert: (task) =>
      translate(
        db.name,
        () =>
          void insert.run({
            ...task,
            requiresGpu: Number(task.requiresGpu),
            succeeded: Number(task.succeeded),
            features: JSON.stringify(task.features),
          }),
      ),
    list: (asked) =>
      (list.all(asked) as RawTask[]).map((raw) => ({
        ...raw,
        requiresGpu: raw.requiresGpu === 1,
        succeeded: raw.succeeded === 1,
        features: JSON.parse(raw.features) as number[],
      })),
    totals: (uid) => totals.all({ uid }) as RoutedTotal[],
  };
}

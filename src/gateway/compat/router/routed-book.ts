/** The places to which tasks are routed. */
export const nodes = ["EDGE", "CLOUD", "GPU"] as const;
export type Node = (typeof nodes)[number];

/** A task that was sent to a node, and what came of it. */
export interface Routed {
  readonly id: string;
  readonly uid: number;
  readonly type: string;
  readonly priority: number;
  readonly latency: number;
  readonly costSensitivity: number;
  readonly requiresGpu: boolean;
  readonly node: Node;
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

/** The history of the router, on disk. */
export interface RoutedBook {
  note(task: Routed): Promise<void>;
  /** The newest first; null = of all nodes, of everybody. */
  list(asked: {
    readonly limit: number;
    readonly node: string | null;
    readonly uid: number | null;
  }): Routed[];
  totals(uid: number | null): {
    readonly node: Node;
    readonly tasks: number;
    readonly succeeded: number;
    readonly seconds: number;
    readonly cost: number;
  }[];
}

import type { CompatDoor } from "../compat.ts";
import type { Node } from "./routed-book.ts";

/** The runtimes that do the tasks of a type: one, or one for each place. */
export type RouterRuntime = string | { readonly [Place in Node]?: string | undefined };

/** The settings of the learned router. */
export interface RouterOptions extends CompatDoor {
  /** Addresses of nodes elsewhere (`POST /execute`); null = by `EDGE_NODE_URL` and the like, if that is set, else this host. */
  readonly nodes: { readonly [Place in Node]: string | null };
  /** By task type; others are answered by the router itself. */
  readonly runtimes: Readonly<Record<string, RouterRuntime>>;
  /** How long a node may take for a task. */
  readonly timeoutSeconds: number;
  /** Whether pages of any origin may ask; null = as long as a key is needed. */
  readonly anyOrigin: boolean | null;
}

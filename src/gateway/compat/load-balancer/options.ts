import type { CompatDoor } from "../compat.ts";

/** What the config says of a model of the load balancer; null = what is built in. */
export interface ModelOptions {
  /** Or an alias of one; null = the one of the model's name. */
  readonly runtime: string | null;
  /** How long one request may take, from its dispatch on. */
  readonly timeoutSeconds: number | null;
}

/** What the config says of the load balancer. Paths are absolute; null = none. */
export interface LoadBalancerOptions extends CompatDoor {
  readonly models: Readonly<Record<string, ModelOptions>>;
  /** api_keys.json; null = $API_KEYS_FILE, else api_keys.json where the daemon was started. */
  readonly apiKeys: string | null;
  /** Folder of its log files; null = $LOG_DIR, else one in the daemon's state. */
  readonly logDir: string | null;
  readonly logPayloads: boolean;
  readonly logMaxChars: number;
  /** Requests that may wait for one model. */
  readonly maxQueue: number;
  /** Folders of which images and sounds may be read; relative paths are meant from the first. */
  readonly mediaDirs: readonly string[];
  /** Hosts from which they may be fetched. */
  readonly mediaHosts: readonly string[];
}

import type { LoadedConfig } from "../../config/config.ts";
import type { Environment, Paths } from "../../config/paths.ts";

/** One thing that was looked at. */
export interface Finding {
  /** What was looked at, one or two words. */
  readonly check: string;
  /** bad: something that orch needs is broken; warn: something may go wrong, or some features are missing. */
  readonly level: "ok" | "warn" | "bad";
  readonly what: string;
  readonly why: string | null;
  /** The command to try, or what to change. */
  readonly fix: string | null;
}

/** Whom the checks look at. */
export interface Host {
  readonly paths: Paths;
  readonly env: Environment;
  readonly uid: number;
  readonly cwd: string;
  /** The settings that a daemon started from here would have; rejects when they are wrong. */
  readonly config: Promise<LoadedConfig>;
  /** Who answers at the socket; rejects when nobody does. */
  readonly daemon: Promise<Hello>;
}

/** Who a daemon says that it is. */
export interface Hello {
  readonly pid: number;
  readonly version: string;
}

/** Looks at one part of the host. May reject or hang: see examine.ts. */
export interface Check {
  readonly name: string;
  look(host: Host): Promise<readonly Finding[]>;
}

/** All is well. */
export function ok(check: string, what: string): Finding {
  return { check, level: "ok", what, why: null, fix: null };
}

/** Something may go wrong, or is missing for some features. */
export function warn(check: string, what: string, why: string | null, fix: string | null): Finding {
  return { check, level: "warn", what, why, fix };
}

/** Something that orch needs is broken. */
export function bad(check: string, what: string, why: string | null, fix: string | null): Finding {
  return { check, level: "bad", what, why, fix };
}

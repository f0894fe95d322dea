import type { Groups } from "../../operations/context.ts";
import type { Clock } from "../../std/clock.ts";
import { askHost } from "../ask-host.ts";

export interface UnixGroupsOptions {
  readonly clock: Clock;
  /** Accounts that have quotas; without a group among them or among those that GPUs are reserved for, nothing is looked up. */
  readonly quotas: Readonly<Record<string, unknown>>;
  readonly reserving?: () => Iterable<string>;
  /** The program that names a user's groups, of the host's own files and of its directories (LDAP, SSSD). */
  readonly program?: string;
}

/** What was found is used this long; while nothing is found, the host is asked again sooner. */
const keepMs = 600_000;
const missMs = 10_000;

interface Entry {
  readonly names: readonly string[];
  readonly untilMs: number;
}

/** Looks up the groups of users with `id`. A lookup that fails keeps what was known before. */
export function createUnixGroups(options: UnixGroupsOptions): Groups {
  const { clock, quotas, reserving, program = "id" } = options;
  const hasGroup = (keys: Iterable<string>): boolean => [...keys].some((key) => key.startsWith("group:"));
  const isLimited = hasGroup(Object.keys(quotas));
  const known = new Map<string, Entry>();
  const running = new Map<string, Promise<void>>();
  const lookUp = async (user: string): Promise<void> => {
    // Names with a NUL after each, since a group of a directory may have blanks in its name.
    const found =
      (await askHost(program, ["-Gnz", "--", user]))?.split("\0").filter((name) => name !== "") ?? null;
    const names = found ?? known.get(user)?.names ?? [];
    known.set(user, { names, untilMs: clock.monotonicMs() + (found === null ? missMs : keepMs) });
    running.delete(user);
  };
  return {
    know({ user }) {
      const isWanted = isLimited || hasGroup(reserving?.() ?? []);
      if (!isWanted || clock.monotonicMs() < (known.get(user)?.untilMs ?? 0)) return Promise.resolve();
      const lookup = running.get(user) ?? lookUp(user);
      running.set(user, lookup);
      return lookup;
    },
    of: ({ user }) => known.get(user)?.names ?? [],
  };
}

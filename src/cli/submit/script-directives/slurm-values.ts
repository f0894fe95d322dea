import { Failure } from "../../../std/failure.ts";

/**
 * A time limit as sbatch takes it: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes or
 * days-hours:minutes:seconds. Seconds; null = no limit (0, UNLIMITED, INFINITE).
 * @throws Failure usage/invalid
 */
export function readTimeLimit(text: string): number | null {
  if (/^(unlimited|infinite|-1)$/i.test(text)) return null;
  const [, days, clock = ""] = /^(?:(\d+)-)?(\d+(?::\d+){0,2})$/.exec(text) ?? [];
  const parts = clock.split(":").map(Number);
  if (clock === "") {
    throw new Failure("usage/invalid", `"${text}" is not a time limit`, {
      hint: "write it like 90 (minutes), 90:00, 1:30:00 or 2-12:00:00",
    });
  }
  const [first = 0, second = 0, third = 0] = parts;
  const seconds =
    days !== undefined
      ? Number(days) * 86_400 + first * 3600 + second * 60 + third
      : parts.length === 3
        ? first * 3600 + second * 60 + third
        : first * 60 + second;
  return seconds === 0 ? null : seconds;
}

const unitBytes: Readonly<Record<string, number>> = {
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** An amount of memory as sbatch takes it: megabytes, or with K, M, G or T. Bytes. @throws Failure usage/invalid */
export function readMemory(text: string): number {
  const [, digits, unit = "M"] = /^(\d+)([KMGT])?B?$/i.exec(text) ?? [];
  if (digits === undefined) {
    throw new Failure("usage/invalid", `"${text}" is not an amount of memory`, { hint: "write it like 16G" });
  }
  return Number(digits) * (unitBytes[unit.toUpperCase()] ?? 1);
}

/** A number that is to be whole and not negative. @throws Failure usage/invalid */
export function readCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Failure("usage/invalid", `"${text}" is not a whole number`);
}

/** The number of GPUs in `2`, `a100:2` or `a100`, and which type was asked for. @throws Failure usage/invalid */
export function readGpus(text: string): { count: number; type: string | null } {
  const parts = text.split(",").map((part) => {
    const [, type, count] = /^(?:([^:\d][^:]*)(?::|$))?(\d*)$/.exec(part) ?? [];
    if (type === undefined && !count) {
      throw new Failure("usage/invalid", `"${text}" is not a number of GPUs`, { hint: "write it like 2" });
    }
    return { count: count ? Number(count) : 1, type: type ?? null };
  });
  const type = parts.find((part) => part.type !== null)?.type ?? null;
  return { count: parts.reduce((sum, part) => sum + part.count, 0), type };
}

/** The GPUs in a list of generic resources such as `gpu:2` or `gpu:a100:1,shard:4`, and what else it names. */
export function readGres(text: string): { count: number; type: string | null; others: string[] } {
  const entries = text.split(",").filter((entry) => !/^none$/i.test(entry));
  const gpus = entries.filter((entry) => /^(gres\/)?gpu(:|$)/.test(entry));
  const rest = gpus.map((entry) => entry.replace(/^(gres\/)?gpu:?/, "") || "1").join(",");
  const others = entries.filter((entry) => !gpus.includes(entry));
  return { ...(rest === "" ? { count: 0, type: null } : readGpus(rest)), others };
}

const dependencyFlags: Readonly<Record<string, string>> = {
  afterok: "--after",
  afterany: "--after-any",
  afternotok: "--after-failed",
};

/**
 * The flags for a list of dependencies, all of which have to hold.
 * @throws Failure usage/invalid for those that orch does not have: to leave one out would start the job too early
 */
export function readDependencies(text: string): string[] {
  if (text.includes("?")) {
    throw new Failure("usage/invalid", `the dependency "${text}" cannot be kept`, {
      why: "a job of orch waits for all that it names, not for any one of them",
      hint: "name with , what has to hold together",
    });
  }
  return text.split(",").flatMap((entry) => {
    const [kind = "", ...ids] = entry.split(":");
    const flag = Object.hasOwn(dependencyFlags, kind) ? dependencyFlags[kind] : undefined;
    if (flag === undefined) {
      throw new Failure("usage/invalid", `the dependency "${entry}" cannot be kept`, {
        why: `orch knows ${Object.keys(dependencyFlags).join(", ")}`,
        hint: "orch run --help: --after, --after-any and --after-failed",
      });
    }
    const wrong = ids.find((id) => !/^[1-9]\d*$/.test(id));
    if (wrong !== undefined || ids.length === 0) {
      throw new Failure("usage/invalid", `the dependency "${entry}" names no job of orch`, {
        why: wrong === undefined ? "no job id stands behind it" : `"${wrong}" is not a job id`,
        hint: `${kind}:41:42, or --after 41 on the command line`,
      });
    }
    return [flag, ids.join(",")];
  });
}

/** A begin as sbatch takes it, as `--begin` of orch does: the dates of Slurm that orch reads otherwise are turned round. */
export function readBegin(text: string): string {
  const [, month, day, year, clock] =
    /^(\d\d)[/.]?(\d\d)[/.]?(\d\d(?:\d\d)?)(?:-(\d\d?:\d\d(?::\d\d)?))?$/.exec(text) ?? [];
  if (month === undefined || year === undefined) return text;
  const whole = year.length === 2 ? `20${year}` : year;
  return `${whole}-${month}-${day}${clock === undefined ? "" : `T${clock}`}`;
}

/** A nice value as a priority: higher goes first, so it is turned round, within the bounds of orch. */
export function readNice(text: string): number {
  const value = /^[+-]?\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw new Failure("usage/invalid", `"${text}" is not a whole number`);
  return 0 - Math.min(1000, Math.max(-1000, value));
}

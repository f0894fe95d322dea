import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SERVICE_UNIT, type ServiceScope } from "./scope.ts";
import type { Systemctl } from "./systemctl.ts";
import { CARRIED, type UnitFile } from "./unit.ts";

/** How the installed unit files compare with those that this version writes. */
export type UnitsCompared = "missing" | "stale" | "current";

/**
 * Compares what is installed with what would be written now. What was carried over from the shell that installed it (PATH)
 * may differ from this shell's: that alone does not make it stale.
 */
export function compareUnits({ unitDir }: ServiceScope, files: readonly UnitFile[]): UnitsCompared {
  const texts = files.map(({ name }) => readOrNull(join(unitDir, name)));
  if (texts.every((text) => text === null)) return "missing";
  return files.every(({ text }, index) => isSame(texts[index], text)) ? "current" : "stale";
}

function isSame(installed: string | null | undefined, planned: string): boolean {
  return (
    installed !== null && installed !== undefined && withoutCarried(installed) === withoutCarried(planned)
  );
}

function withoutCarried(text: string): string {
  const isCarried = (line: string): boolean =>
    CARRIED.some((name) => new RegExp(`^Environment="?${name}=`).test(line));
  return text
    .split("\n")
    .filter((line) => !isCarried(line))
    .join("\n");
}

/** What the installed service runs: program and file; empty when none is installed. What is no longer there is `isGone`. */
export function programOf({ unitDir }: ServiceScope): { readonly path: string; readonly isGone: boolean }[] {
  const line = /^ExecStart=(.*)$/m.exec(readOrNull(join(unitDir, SERVICE_UNIT)) ?? "")?.[1] ?? "";
  const words = line.match(/"[^"]*"|\S+/g) ?? [];
  return words
    .map((word) => word.replace(/^"|"$/g, "").replaceAll("%%", "%"))
    .filter((word) => word.startsWith("/"))
    .map((path) => ({ path, isGone: !existsSync(path) }));
}

/** What systemd says of the service. */
export interface ServiceState {
  /** active, inactive, failed, activating …; "unknown" where systemd does not answer. */
  readonly active: string;
  /** enabled, disabled, … or "" when it is not known to systemd. */
  readonly enabled: string;
  readonly pid: number | null;
  /** The daemon's own line on how it is. */
  readonly statusText: string;
  /** As systemd writes it, or "". */
  readonly since: string;
  /** The files were changed since systemd last read them. */
  readonly needsReload: boolean;
}

const PROPERTIES = "ActiveState,UnitFileState,MainPID,StatusText,ActiveEnterTimestamp,NeedDaemonReload";

/** Asks systemd for the state of the service. Never rejects. */
export async function stateOf(systemctl: Systemctl, unit: string = SERVICE_UNIT): Promise<ServiceState> {
  const { stdout } = await systemctl.ask("show", unit, "-p", PROPERTIES);
  const values = new Map(
    stdout.split("\n").flatMap((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
  const pid = Number(values.get("MainPID") ?? 0);
  return {
    active: values.get("ActiveState") ?? "unknown",
    enabled: values.get("UnitFileState") ?? "",
    pid: Number.isSafeInteger(pid) && pid > 0 ? pid : null,
    statusText: values.get("StatusText") ?? "",
    since: values.get("ActiveEnterTimestamp") ?? "",
    needsReload: values.get("NeedDaemonReload") === "yes",
  };
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

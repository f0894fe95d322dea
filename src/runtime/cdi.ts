import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** A device of a CDI specification, as far as orch needs it. */
export interface CdiDevice {
  /** As engines take it: `vendor.com/class=NAME`. */
  readonly name: string;
  /** Device nodes that it brings into a container. */
  readonly nodes: readonly string[];
}

/** Where engines look for specifications; see "CDI JSON Specification" of the Cloud Native Computing Foundation. */
export const cdiFolders: readonly string[] = ["/etc/cdi", "/var/run/cdi"];

/**
 * The devices that this host's CDI specifications list, JSON and YAML alike. A folder or file that cannot be read, or is
 * none, lists nothing: the engine's own words tell more than ours could.
 */
export function readCdiDevices(folders: readonly string[] = cdiFolders): readonly CdiDevice[] {
  return folders.flatMap((folder) =>
    filesOf(folder).flatMap((file) => {
      try {
        return devicesOf(parse(readFileSync(file, "utf8")) as Spec | null);
      } catch {
        return [];
      }
    }),
  );
}

interface Edits {
  readonly deviceNodes?: readonly { readonly path?: unknown }[] | null;
}

interface Spec {
  readonly kind?: unknown;
  readonly containerEdits?: Edits | null;
  readonly devices?: readonly { readonly name?: unknown; readonly containerEdits?: Edits | null }[] | null;
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.(json|ya?ml)$/.test(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function devicesOf(spec: Spec | null): CdiDevice[] {
  const { kind } = spec ?? {};
  if (typeof kind !== "string") return [];
  const everyones = nodesOf(spec?.containerEdits);
  return (spec?.devices ?? []).map(({ name, containerEdits }) => ({
    name: `${kind}=${String(name)}`,
    nodes: [...nodesOf(containerEdits), ...everyones],
  }));
}

function nodesOf(edits: Edits | null | undefined): string[] {
  return (edits?.deviceNodes ?? []).flatMap(({ path }) => (typeof path === "string" ? [path] : []));
}

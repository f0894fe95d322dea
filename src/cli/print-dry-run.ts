import type { DryRunView } from "../client/api.ts";
import { formatBytes } from "../std/bytes.ts";
import type { Output } from "./output.ts";

/** Prints what a job would be, for people. Values of the environment are what orch itself sets: no secrets. */
export function printDryRun(out: Output, view: DryRunView): void {
  const { gpus, mode, vramBytes } = view.lease;
  out.fields([
    ["runtime", view.runtime],
    ["lane", view.lane],
    ["params", JSON.stringify(view.params)],
    [
      "gpus",
      gpus === 0 ? "none" : `${gpus} ${mode}, ${vramBytes === null ? "all memory" : formatBytes(vramBytes)}`,
    ],
    ["fits", view.fits ? "yes" : "no"],
    ["placement", view.placement],
    ["command", view.command.join(" ")],
    ...Object.entries(view.env).map(([name, value]) => ["env", `${name}=${value}`] as const),
  ]);
}

import type { DryRunView } from "../../operations/api.ts";
import { formatBytes } from "../../std/bytes.ts";
import type { Output } from "../output.ts";
import { describeDecision } from "../text/decision-text.ts";
import { describeEta } from "../text/eta-text.ts";
import { laneName } from "../text/lane-text.ts";

/** Prints what a job would be, for people. Values of the environment are what orch itself sets: no secrets. */
export function printDryRun(out: Output, view: DryRunView, nowMs: number): void {
  const { gpus, mode, vramBytes } = view.lease;
  out.fields([
    ["runtime", view.runtime],
    ["lane", laneName(view.lane)],
    ["params", JSON.stringify(view.params)],
    [
      "gpus",
      gpus === 0 ? "none" : `${gpus} ${mode}, ${vramBytes === null ? "all memory" : formatBytes(vramBytes)}`,
    ],
    ["fits", view.fits ? "yes" : "no"],
    ["placement", view.placement],
    ["starts", view.start === null ? null : describeEta(view.start, nowMs)],
    ...view.evicts.map(
      (decision) => ["makes room", `${describeDecision(decision)}: ${decision.why}`] as const,
    ),
    ["command", view.command.join(" ")],
    ...Object.entries(view.env).map(([name, value]) => ["env", `${name}=${value}`] as const),
  ]);
}

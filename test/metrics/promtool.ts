import { spawnSync } from "node:child_process";
import { need } from "../kit/need.ts";

/** Prometheus with its promtool (apt: prometheus). */
export const hasPrometheus = need(
  "prometheus",
  ["prometheus", "promtool"].every((program) => spawnSync(program, ["--version"]).status === 0),
);

/** Runs promtool; gives all that it printed. */
export function promtool(args: readonly string[], { cwd, input }: { cwd?: string; input?: string } = {}) {
  const done = spawnSync("promtool", args, { cwd, input, encoding: "utf8", timeout: 30_000 });
  return { code: done.status, text: `${done.stdout}${done.stderr}` };
}

// The measured trace beside the repository (shared/traces), replayed through the production scheduler in virtual time:
// how long jobs wait under the default policy, under its neighbours, and on other hosts. Skipped where it is absent.
import { createReadStream, existsSync } from "node:fs";
import path from "node:path";
import { choosePolicies, policyOf } from "../src/replay/policies.ts";
import { replay } from "../src/replay/replay.ts";
import { readTrace } from "../src/replay/trace.ts";
import { must } from "../src/std/assert.ts";
import { spreadOf } from "../src/std/percentile.ts";
import { report } from "./kit/figure.ts";

const root = process.env["ORCH_BENCH_ROOT"] ?? process.cwd();
const file = path.join(root, "..", "shared", "traces", "gentd26-early.csv");
const limits = { mean: 3_100, p99: 18_000, max: 23_500 };
const plain = { gpus: 1, gpuBytes: 24 * 2 ** 30, residents: 1, replicas: 1, switchMs: 22_000, stopMs: 0 };

if (existsSync(file)) {
  const { jobs } = await readTrace(createReadStream(file, "utf8"), path.basename(file));
  const show = (name: string, policy: string, host: Partial<typeof plain>, isTarget = false): void => {
    const { settings } = choosePolicies([policy]).get(policy) ?? { settings: {} };
    const startMs = performance.now();
    const made = replay(jobs, { ...plain, ...host }, policyOf(settings));
    const tookS = (performance.now() - startMs) / 1_000;
    const waits = must(spreadOf([...made.waitsMs].map((ms) => ms / 1_000)), "the trace has jobs");
    const text = [waits.mean, waits.p99, waits.max].map((each) => Math.round(each).toLocaleString("en-US"));
    const isMet = waits.mean <= limits.mean && waits.p99 <= limits.p99 && waits.max <= limits.max;
    report({
      name,
      target: isTarget ? "≤ 3,100 / 18,000 / 23,500 s" : "(for comparison)",
      measured: `${text.join(" / ")} s`,
      met: isTarget ? isMet : null,
      baseline: `p50 ${Math.round(waits.p50)} s, ${made.residencies.length - 1} switches, ${tookS.toFixed(1)} s`,
    });
  };
  show("waits (mean / p99 / max), the default", "orch", {}, true);
  for (const name of choosePolicies(["all"]).keys()) if (name !== "orch") show(`  policy ${name}`, name, {});
  show("  1 s switches (sleeping workers)", "orch", { switchMs: 1_000 });
  show("  two GPUs", "orch", { gpus: 2 });
  show("  one GPU, two residents side by side", "orch", { residents: 2 });
} else {
  report({
    name: "waits on the measured trace",
    target: "",
    measured: "skipped",
    met: null,
    baseline: `${file} is absent`,
  });
}

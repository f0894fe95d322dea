import type { JSX } from "preact";
import type { RuntimeView as RuntimeData, WorkerView } from "../../protocol/views.ts";
import { call } from "../live/api.ts";
import { useLive } from "../live/use-live.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { hrefOf } from "../model/route.ts";
import { durationText, gib } from "../model/units.ts";
import { Empty, Problem } from "../parts/basics.tsx";

const REFRESH_MS = 15_000;

/** What can be run: a card for each runtime, those with a warm worker marked. */
export function RuntimesView(): JSX.Element {
  const { workers } = useLive();
  const { value, error } = useLoaded("runtimes", (signal) => call("GET /runtimes", {}, signal), REFRESH_MS);
  return (
    <>
      <header class="view-head">
        <h1>Runtimes</h1>
      </header>
      <Problem error={error} />
      <div class="runtime-cards">
        {(value?.runtimes ?? []).map((runtime) => (
          <RuntimeCard
            key={runtime.name}
            runtime={runtime}
            workers={workers.filter((worker) => worker.runtime === runtime.name)}
          />
        ))}
      </div>
      {value?.runtimes.length === 0 && (
        <Empty title="No runtime is there">
          A runtime is a folder with a <code>runtime.yaml</code>; <code>orch runtimes</code> tells where they
          are looked for.
        </Empty>
      )}
    </>
  );
}

function RuntimeCard({
  runtime,
  workers,
}: {
  readonly runtime: RuntimeData;
  readonly workers: readonly WorkerView[];
}): JSX.Element {
  const { name, summary, problem, outputs } = runtime;
  const warm = workers.filter(({ state }) => state === "ready" || state === "busy").length;
  return (
    <a class={`runtime-card ${problem === null ? "" : "is-ill"}`} href={hrefOf("runtimes", name)}>
      <span class="runtime-name">
        {name}
        {warm > 0 && <span class="state is-ready">warm</span>}
      </span>
      <span class="runtime-summary">{problem ?? (summary === "" ? "without a summary" : summary)}</span>
      <span class="runtime-facts">
        <span>{needOf(runtime)}</span>
        {runtime.switchMs !== null && <span>switch {durationText(runtime.switchMs)}</span>}
        {outputs.length > 0 && <span>{outputs.join(", ")}</span>}
      </span>
    </a>
  );
}

/** What a worker of it takes, in words: "1 GPU, 12 GiB each, shared". */
export function needOf({ gpu }: Pick<RuntimeData, "gpu">): string {
  if (gpu.count === 0) return "no GPU";
  const size = gpu.vramBytes === null ? "" : `, ${gib(gpu.vramBytes)} GiB${gpu.count === 1 ? "" : " each"}`;
  return `${gpu.count} GPU${gpu.count === 1 ? "" : "s"}${size}${gpu.mode === "shared" ? ", shared" : ""}`;
}

import type { GpuReading } from "../gpu/probe.ts";
import type { GpuSample } from "../gpu/sample.ts";
import { gpuEnvironment } from "../runtime/gpu-environment.ts";
import { Failure } from "../std/failure.ts";

/**
 * The variables that show a program its GPUs, by what the driver last told.
 * @throws Failure gpu/unavailable for an AMD GPU that is no longer told: nobody knows how it is named to programs
 */
export function gpuEnvOf(
  { gpus }: Pick<GpuSample, "gpus">,
  uuids: readonly string[],
): Record<string, string> {
  const readings = gpus.map(({ reading }) => reading);
  const host = new Set(readings.map(({ vendor }) => vendor ?? null));
  return gpuEnvironment(
    uuids.map((uuid) => visible(readings, uuid)),
    host,
  );
}

function visible(readings: readonly GpuReading[], uuid: string) {
  const reading = readings.find((each) => each.uuid === uuid);
  const { vendor = null, visibleAs = uuid } = reading ?? {};
  if (vendor === "amd" ? visibleAs !== "" : !uuid.startsWith("GPU-amd-")) return { vendor, visibleAs };
  throw new Failure("gpu/unavailable", `the AMD driver does not tell how programs name ${uuid}`, {
    hint: "orch gpus",
  });
}

import { isUsable, suits } from "./capacity.ts";
import type { Gpu, Lane, State, Verdict, VerdictCode, Worker } from "./model.ts";
import type { Offer } from "./placement.ts";
import type { Reservation } from "./timetable.ts";

/** Why a lane waits, made of what is known of it. */
export function verdict(code: VerdictCode, about: Partial<Omit<Verdict, "code">> = {}): Verdict {
  return {
    code,
    workerId: about.workerId ?? null,
    gpus: about.gpus ?? [],
    untilMs: about.untilMs ?? null,
    account: about.account ?? null,
    reservationId: about.reservationId ?? null,
  };
}

/** Why a lane waits whose next job may not have GPUs that are reserved for others. */
export function reservedVerdict({ id, gpus, endAtMs }: Reservation): Verdict {
  return verdict("gpu-reserved", { gpus, untilMs: endAtMs, reservationId: id });
}

/** Why not even a promise can be made: too few GPUs are healthy, free of strangers, and not promised already. */
export function shortfall(state: State, lane: Lane, isPromised: (gpu: Gpu) => boolean): Verdict {
  const gpus = [...state.gpus.values()].filter((gpu) => suits(lane.spec, gpu));
  const healthy = gpus.filter(isUsable);
  if (healthy.length < lane.spec.gpuCount) return verdict("gpu-unavailable");
  const promised = healthy.filter(isPromised);
  if (promised.length > 0) return verdict("gpu-reserved", { gpus: promised.map((gpu) => gpu.uuid) });
  const foreign = healthy.filter((gpu) => gpu.foreignBytes > 0);
  if (foreign.length === 0) return verdict("gpu-busy", { gpus: healthy.map((gpu) => gpu.uuid) });
  return verdict("gpu-foreign", { gpus: foreign.map((gpu) => gpu.uuid) });
}

/** Why a lane waits that was promised the GPUs of these offers. */
export function waitingVerdict(chosen: readonly Offer[]): Verdict {
  const isBusy = chosen.some((offer) => offer.rank === "busy");
  let holder: Worker | undefined;
  for (const { gpu, rank } of chosen)
    if (!isBusy || rank === "busy")
      for (const lease of gpu.leases) if (lease.mode !== "residue") holder ??= lease.worker;
  return verdict(isBusy ? "gpu-busy" : "draining", {
    gpus: chosen.map((offer) => offer.gpu.uuid),
    workerId: holder?.id ?? null,
  });
}

import type { Lease } from "../scheduler/model.ts";
import type { Changes } from "../scheduler/transition.ts";
import type { Statements } from "./statements.ts";

/** What fell asleep makes room first; then all grants, and waking is one, in the order of their fences. */
export function writeLeases(sql: Statements, { leasesResized, leasesGranted }: Changes): void {
  const resize = ({ worker, gpu, mode, vramBytes, fence }: Lease): void =>
    void sql.resizeLease.run(mode, vramBytes, fence, worker.id, gpu.uuid);
  for (const lease of leasesResized) if (lease.mode === "residue") resize(lease);
  const grant = ({ lease, atMs }: Changes["leasesGranted"][number]): void => {
    const { worker, gpu, mode, vramBytes, fence } = lease;
    sql.grantLease.run(worker.id, gpu.uuid, mode, vramBytes, fence, atMs);
  };
  const woken = leasesResized.filter((lease) => lease.mode !== "residue");
  const writes = [
    ...woken.map((lease) => ({ fence: lease.fence, write: () => resize(lease) })),
    ...leasesGranted.map((granted) => ({ fence: granted.lease.fence, write: () => grant(granted) })),
  ];
  if (woken.length > 0) writes.sort((left, right) => left.fence - right.fence);
  for (const { write } of writes) write();
}

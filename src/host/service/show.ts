import type { ServiceWork } from "./install.ts";
import { plannedUnits } from "./install.ts";
import { createSystemctl } from "./systemctl.ts";
import { compareUnits, type ServiceState, stateOf, type UnitsCompared } from "./unit-state.ts";

/** The service as it is installed and as it runs. */
export interface ServiceShown extends ServiceState {
  readonly kind: "system" | "user";
  readonly units: UnitsCompared;
  readonly unitDir: string;
}

/** What `orch service status` shows. @throws Failure config/invalid */
export async function showService(work: ServiceWork): Promise<ServiceShown> {
  const { scope, env } = work;
  const [files, state] = await Promise.all([plannedUnits(work), stateOf(createSystemctl(scope, env, 5_000))]);
  return { kind: scope.kind, unitDir: scope.unitDir, units: compareUnits(scope, files), ...state };
}

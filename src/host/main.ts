/** What orch has to do with the machine that it is installed on: a bundle of its own, loaded by the few commands that need it. */
export { checkNames, type Examination, examine } from "./doctor/examine.ts";
export type { Finding } from "./doctor/finding.ts";
export { collectReport } from "./report/collect.ts";
export {
  type Done,
  installService,
  plannedUnits,
  type ServiceWork,
  uninstallService,
} from "./service/install.ts";
export { type ServiceKind, scopeOf } from "./service/scope.ts";
export { type ServiceShown, showService } from "./service/show.ts";
export type { UnitFile } from "./service/unit.ts";

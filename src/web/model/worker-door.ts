import type { WorkerView } from "../../protocol/views.ts";

/** The address of a worker's own page, where it has one that is served: of this gateway, or of the web. */
export function doorOf({ uiUrl }: Pick<WorkerView, "uiUrl">): string | null {
  return typeof uiUrl === "string" && /^(?:https?:\/\/|\/(?!\/))/.test(uiUrl) ? uiUrl : null;
}

import type { JSX } from "preact";
import { call } from "../live/api.ts";
import { useRights } from "../live/session.ts";
import { useLoaded } from "../live/use-loaded.ts";

const REFRESH_MS = 60_000;

/** Links to the pages that the workers of a runtime have of their own, for those who may open them. */
export function UiLinks({ runtime }: { readonly runtime: string }): JSX.Element | null {
  const { mayAdmin } = useRights();
  const { value } = useLoaded("uis", (signal) => call("GET /uis", {}, signal), REFRESH_MS);
  const own = (value?.uis ?? []).filter((ui) => ui.runtime === runtime);
  if (!mayAdmin || own.length === 0) return null;
  return (
    <p class="actions">
      {own.map(({ name }) => (
        <a
          key={name}
          class="button"
          href={`/dashboard/ui/${encodeURIComponent(name)}`}
          target="_blank"
          rel="noreferrer"
        >
          {name === runtime ? "Open its page" : `Open the page of ${name}`}
        </a>
      ))}
    </p>
  );
}

import type { JSX } from "preact";
import type { JobDetail } from "../../protocol/views.ts";
import { useNow } from "../live/use-live.ts";
import { spanText } from "../model/units.ts";

const words = {
  ...{ held: "held", queued: "waits", switch: "others make room" },
  ...{ start: "worker starts", run: "runs", retry: "waits for its next attempt" },
} as const;

/** A job's life as one bar, and in words: what it waited for, and how long it ran. */
export function LifeBar({ life }: { readonly life: JobDetail["life"] }): JSX.Element | null {
  const nowMs = useNow();
  if (life.length === 0) return null;
  const lengthOf = ({ from, to }: (typeof life)[number]): number =>
    Math.max(0, (to === null ? nowMs : Date.parse(to)) - Date.parse(from));
  const whole = Math.max(
    1,
    life.reduce((sum, phase) => sum + lengthOf(phase), 0),
  );
  return (
    <section aria-label="Its life" class="life">
      <h3>Life</h3>
      <div class="life-bar" aria-hidden="true">
        {life.map((phase) => (
          <div
            key={phase.from + phase.phase}
            class={`phase is-${phase.phase}`}
            style={{ width: `${(lengthOf(phase) / whole) * 100}%` }}
          />
        ))}
      </div>
      <ol>
        {life.map((phase) => (
          <li key={phase.from + phase.phase} class={`phase-line is-${phase.phase}`}>
            <span>
              {words[phase.phase]}
              {phase.text !== "" && <span class="muted"> · {phase.text}</span>}
            </span>
            <span class="numbers">{spanText(phase.from, phase.to, nowMs)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

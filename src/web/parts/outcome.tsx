import type { JSX } from "preact";
import type { JobDetail } from "../../protocol/views.ts";
import { call } from "../live/api.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { outputText } from "../model/output-text.ts";
import { Artifact } from "./artifact.tsx";

/** What came of a job: its artifacts, shown as what they are, and what it answered. */
export function Outcome({
  job,
}: {
  readonly job: Pick<JobDetail, "id" | "output" | "artifacts">;
}): JSX.Element {
  const output = outputText(job.output);
  return (
    <div class="outcome">
      {job.artifacts.map((artifact, index) => (
        <Artifact key={artifact.name} job={job.id} index={index} artifact={artifact} />
      ))}
      {output !== null && <pre class={`output ${output.isProse ? "is-prose" : ""}`}>{output.text}</pre>}
    </div>
  );
}

const ENDED_MS = 3_600_000;

/** The same of a job of which the id is known. */
export function OutcomeOf({ job }: { readonly job: number }): JSX.Element {
  // A job that is over does not change.
  const { value } = useLoaded(
    `outcome ${job}`,
    (signal) => call("GET /jobs/:job", { job }, signal),
    ENDED_MS,
  );
  return value === null ? <div class="outcome is-waiting" /> : <Outcome job={value} />;
}

import type { JSX } from "preact";
import { call } from "../live/api.ts";
import { useNow } from "../live/use-live.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { useSettled } from "../live/use-settled.ts";
import type { Counted } from "../model/many.ts";
import type { Plan } from "../model/submission.ts";
import { inText } from "../model/units.ts";
import { Problem, Segments } from "../parts/basics.tsx";
import { localTimeZone, momentText, wholeMoment, zonedMoment } from "../parts/local-time.ts";

const modes = [
  { value: "once", title: "Once" },
  { value: "array", title: "Array" },
  { value: "sweep", title: "Sweep" },
  { value: "schedule", title: "Schedule" },
] as const;
const TYPING_MS = 300;
const MINUTE_MS = 60_000;

interface ManyProps {
  readonly plan: Plan;
  readonly onPlan: (plan: Plan) => void;
  readonly counted: Counted | null;
  /** Somebody tried to submit it: what is still empty is wrong from then on. */
  readonly isTried: boolean;
}

/** How often the job of a form is queued: once, for each number, for each combination of values, or by a cron line. */
export function ManyInput({ plan, onPlan, counted, isTried }: ManyProps): JSX.Element {
  const isUntouched = plan.mode === "array" ? plan.numbers === "" : Object.keys(plan.values).length === 0;
  const isQuiet = isUntouched && !isTried;
  return (
    <section class="many" aria-label="How many">
      <Segments
        label="How many"
        chosen={plan.mode}
        onChoose={(mode) => onPlan({ ...plan, mode })}
        options={modes}
      />
      {plan.mode === "array" && (
        <TextField
          id="new-numbers"
          label="Numbers"
          text={plan.numbers}
          placeholder="0-99%4"
          help="A job for each: {index} in a text param is its number, %4 lets four run at once."
          onText={(numbers) => onPlan({ ...plan, numbers })}
        />
      )}
      {plan.mode === "sweep" && (
        <TextField
          id="new-at-once"
          label="At once"
          text={plan.atOnce}
          placeholder="as many as there is room for"
          help="A job for each combination: choose “several” beside the params that vary."
          onText={(atOnce) => onPlan({ ...plan, atOnce })}
        />
      )}
      {plan.mode === "schedule" && <ScheduleFields plan={plan} onPlan={onPlan} />}
      {counted !== null && !isQuiet && <Count counted={counted} />}
    </section>
  );
}

function Count({ counted }: { readonly counted: Counted }): JSX.Element {
  return (
    <p class={`many-count ${"problem" in counted ? "wrong" : ""}`} role="status">
      {"problem" in counted ? counted.problem : counted.text}
    </p>
  );
}

function TextField(props: {
  readonly id: string;
  readonly label: string;
  readonly text: string;
  readonly placeholder: string;
  readonly help: string;
  readonly onText: (text: string) => void;
}): JSX.Element {
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      <input
        id={props.id}
        type="text"
        value={props.text}
        placeholder={props.placeholder}
        aria-describedby={`${props.id}-help`}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => props.onText(event.currentTarget.value)}
      />
      <p id={`${props.id}-help`} class="help">
        {props.help}
      </p>
    </div>
  );
}

function ScheduleFields({ plan, onPlan }: Pick<ManyProps, "plan" | "onPlan">): JSX.Element {
  return (
    <>
      <div class="schedule-fields">
        <TextField
          id="new-line"
          label="Every"
          text={plan.line}
          placeholder="0 3 * * *"
          help="minute hour day month weekday, or @hourly, @daily, @weekly"
          onText={(line) => onPlan({ ...plan, line })}
        />
        <div class="field">
          <label for="new-zone">On the clock of</label>
          <select
            id="new-zone"
            value={plan.timeZone}
            onChange={(event) => onPlan({ ...plan, timeZone: event.currentTarget.value })}
          >
            <option value={localTimeZone}>{localTimeZone}</option>
            <option value="">the host</option>
          </select>
        </div>
      </div>
      <NextFires line={plan.line} timeZone={plan.timeZone} />
      <TextField
        id="new-name"
        label="Name"
        text={plan.name}
        placeholder="made from the runtime"
        help="by which it is found among the others"
        onText={(name) => onPlan({ ...plan, name })}
      />
    </>
  );
}

/** When the line fires next, as the daemon has it, on the clock of whoever looks. */
function NextFires(props: { readonly line: string; readonly timeZone: string }): JSX.Element {
  const nowMs = useNow();
  const line = useSettled(props.line, TYPING_MS);
  const zone = props.timeZone === "" ? {} : { timeZone: props.timeZone };
  const load = async (signal: AbortSignal) =>
    line.trim() === "" ? null : call("GET /cron-fires", { line, count: 3, ...zone }, signal);
  const { value, error } = useLoaded(`${line} ${props.timeZone}`, load, MINUTE_MS);
  return (
    <div class="fires" aria-live="polite">
      <Problem error={error} />
      {value !== null && value.fires.length === 0 && <p class="wrong">It never fires again.</p>}
      {value !== null && value.fires.length > 0 && (
        <ol aria-label="Next fires">
          {value.fires.map((at) => (
            <li key={at} title={wholeMoment(at)}>
              <b>{momentText(at, nowMs)}</b>
              <span class="muted"> {inText(Date.parse(at) - nowMs)}</span>
              {value.timeZone !== localTimeZone && (
                <span class="muted">
                  {" "}
                  · {zonedMoment(at, value.timeZone)} in {value.timeZone}
                </span>
              )}
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { GpuView } from "../../protocol/views.ts";
import { call } from "../live/api.ts";
import { useLoaded } from "../live/use-loaded.ts";
import { formOf, readForm } from "../model/runtime-form.ts";
import { durationText } from "../model/units.ts";
import { useAction } from "./actions.tsx";
import { Panel } from "./basics.tsx";
import { FieldInput } from "./field-input.tsx";

const LOAD_MS = 60_000;

/** Makes a runtime resident now; its load params are asked for, since they are what a worker is started with. */
export function SwitchForm({ gpus }: { readonly gpus: readonly GpuView[] }): JSX.Element | null {
  const { value } = useLoaded("runtimes", (signal) => call("GET /runtimes", {}, signal), LOAD_MS);
  const { run, isBusy } = useAction();
  const [name, setName] = useState("");
  const [gpu, setGpu] = useState("");
  const [texts, setTexts] = useState<Record<string, string>>({});
  const usable = (value?.runtimes ?? []).filter(
    ({ problem, protocol }) => problem === null && protocol !== "exec",
  );
  const chosen = usable.find((runtime) => runtime.name === name);
  const fields = formOf((chosen?.params ?? []).filter(({ load }) => load));
  const { params, problems } = readForm(fields, texts);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (chosen === undefined || Object.keys(problems).length > 0) return;
    const input = { runtime: chosen.name, params, ...(gpu === "" ? {} : { gpu }) };
    run(() => call("POST /workers/switch", input), `${chosen.name} is resident`);
  };
  return (
    <Panel title="Switch" tools={<span class="muted">others finish what they have in hand</span>}>
      <form class="switch-form" onSubmit={submit}>
        <label>
          Runtime
          <select value={name} onChange={(event) => setName(event.currentTarget.value)} required>
            <option value="">choose …</option>
            {usable.map((runtime) => (
              <option key={runtime.name} value={runtime.name}>
                {runtime.name}
                {runtime.switchMs === null ? "" : ` (${durationText(runtime.switchMs)})`}
              </option>
            ))}
          </select>
        </label>
        <label>
          GPU
          <select value={gpu} onChange={(event) => setGpu(event.currentTarget.value)}>
            <option value="">any</option>
            {gpus.map(({ index, uuid }) => (
              <option key={uuid} value={uuid}>
                GPU {index}
              </option>
            ))}
          </select>
        </label>
        {fields.map((field) => (
          <FieldInput
            key={field.name}
            field={field}
            idPrefix="switch"
            text={texts[field.name] ?? field.initial}
            problem={null}
            onText={(text) => setTexts((known) => ({ ...known, [field.name]: text }))}
          />
        ))}
        <button
          type="submit"
          class="button is-main"
          disabled={isBusy || chosen === undefined || Object.keys(problems).length > 0}
        >
          {isBusy ? "Switching …" : "Switch now"}
        </button>
      </form>
    </Panel>
  );
}

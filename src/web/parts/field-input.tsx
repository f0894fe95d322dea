import type { JSX } from "preact";
import type { Counted } from "../model/many.ts";
import type { Field } from "../model/runtime-form.ts";
import { FileInput } from "./file-input.tsx";

interface FieldProps {
  readonly field: Field;
  /** Two forms of a page may ask for the same. */
  readonly idPrefix: string;
  readonly text: string;
  readonly problem: string | null;
  readonly onText: (text: string) => void;
  /** What it takes in turn in a sweep; left out where nothing is swept over. */
  readonly sweep?: FieldSweep;
}

/** The values of a param in a sweep. */
export interface FieldSweep {
  /** Null = it has one value, as in any job. */
  readonly values: string | null;
  /** How many they are, or what is wrong with them. */
  readonly counted: Counted | null;
  readonly onValues: (values: string | null) => void;
}

/** One param of a form: its label, what it is filled into, its help, and what is wrong with it. */
export function FieldInput(props: FieldProps): JSX.Element {
  const { field, sweep } = props;
  const isSwept = sweep != null && sweep.values !== null;
  const counted = isSwept ? sweep.counted : null;
  const problem = counted !== null && "problem" in counted ? counted.problem : props.problem;
  const id = `${props.idPrefix}-${field.name}`;
  const hint = hintOf(field);
  const about = { id, "aria-describedby": `${id}-help`, "aria-invalid": problem !== null };
  return (
    <div class={`field is-${field.control} ${problem === null ? "" : "is-wrong"}`}>
      <div class="field-head">
        <label for={id}>
          {field.label}
          {field.required && (
            <span class="needed" title="needed">
              *
            </span>
          )}
        </label>
        {sweep !== undefined && field.control !== "file" && <SweepSwitch {...props} sweep={sweep} />}
      </div>
      {isSwept ? (
        <SweepInput about={about} field={field} sweep={sweep} />
      ) : (
        <Control {...props} about={about} />
      )}
      <p id={`${id}-help`} class="help">
        {problem !== null && <strong class="wrong">{problem} </strong>}
        {counted !== null && "text" in counted && <b>{counted.text} · </b>}
        {field.help}
        {field.help !== "" && hint !== "" ? " · " : ""}
        {hint}
      </p>
    </div>
  );
}

function SweepSwitch({ field, text, sweep }: FieldProps & { readonly sweep: FieldSweep }): JSX.Element {
  const isSwept = sweep.values !== null;
  return (
    <button
      type="button"
      class="link-button"
      aria-pressed={isSwept}
      aria-label={`${field.label}: several values`}
      onClick={() => sweep.onValues(isSwept ? null : text)}
    >
      {isSwept ? "one value" : "several"}
    </button>
  );
}

function SweepInput(props: {
  readonly about: ControlProps["about"];
  readonly field: Field;
  readonly sweep: FieldSweep;
}): JSX.Element {
  const { param } = props.field;
  const isNumber = param.type === "integer" || param.type === "number";
  return (
    <input
      {...props.about}
      type="text"
      value={props.sweep.values ?? ""}
      placeholder={isNumber ? "20,30 or 1..5 or 0..1:0.25" : 'one, two or "with, a comma", three'}
      onInput={(event) => props.sweep.onValues(event.currentTarget.value)}
    />
  );
}

type ControlProps = FieldProps & {
  readonly about: {
    readonly id: string;
    readonly "aria-describedby": string;
    readonly "aria-invalid": boolean;
  };
};

function Control({ field, text, onText, about }: ControlProps): JSX.Element {
  const onInput = (event: { readonly currentTarget: { readonly value: string } }): void =>
    onText(event.currentTarget.value);
  switch (field.control) {
    case "long-text":
    case "json":
      return (
        <textarea
          {...about}
          rows={field.control === "json" ? 4 : 3}
          value={text}
          onInput={onInput}
          spellcheck={field.control !== "json"}
        />
      );
    case "choice":
      return (
        <select {...about} value={text} onChange={onInput}>
          {field.initial === "" && <option value="">{field.required ? "choose …" : "as it comes"}</option>}
          {field.choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      );
    case "switch":
      return (
        <input
          {...about}
          type="checkbox"
          checked={text === "true"}
          onChange={(event) => onText(String(event.currentTarget.checked))}
        />
      );
    case "range":
      return <RangeInput field={field} text={text} onInput={onInput} about={about} />;
    case "number":
      return (
        <input
          {...about}
          type="number"
          {...limitsOf(field)}
          step={field.step ?? "any"}
          value={text}
          onInput={onInput}
        />
      );
    case "seed":
      return <SeedInput field={field} text={text} onText={onText} about={about} />;
    case "file":
      return <FileInput about={about} accept={field.accept} text={text} onText={onText} />;
    case "text":
      return <input {...about} type="text" value={text} onInput={onInput} />;
  }
}

type Input = (event: { readonly currentTarget: { readonly value: string } }) => void;

function RangeInput(
  props: Pick<ControlProps, "field" | "text" | "about"> & { readonly onInput: Input },
): JSX.Element {
  const { field, text, onInput } = props;
  const limits = limitsOf(field);
  const slide = field.step ?? ((field.max ?? 0) - (field.min ?? 0)) / 100;
  return (
    <div class="range">
      <input type="range" aria-label={field.label} {...limits} step={slide} value={text} onInput={onInput} />
      <input
        {...props.about}
        type="number"
        {...limits}
        step={field.step ?? "any"}
        value={text}
        onInput={onInput}
      />
    </div>
  );
}

function SeedInput(props: Pick<ControlProps, "field" | "text" | "about" | "onText">): JSX.Element {
  const { field, text, onText } = props;
  return (
    <div class="seed">
      <input
        {...props.about}
        type="number"
        {...limitsOf(field)}
        step={1}
        value={text}
        placeholder="random"
        onInput={(event) => onText(event.currentTarget.value)}
      />
      <button type="button" class="button" onClick={() => onText(String(newSeed(field)))}>
        Throw one
      </button>
    </div>
  );
}

function limitsOf({ min, max }: Field): { min?: number; max?: number } {
  return { ...(min !== null && { min }), ...(max !== null && { max }) };
}

/** Within the range of the param, and of 32 bits at most: larger ones are no better. */
function newSeed({ min, max }: Field): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  const least = Math.max(0, min ?? 0);
  return least + (random % (Math.min(max ?? 0xffff_ffff, 0xffff_ffff) - least + 1));
}

function hintOf({ min, max, step, isLoad, control, initial, param }: Field): string {
  const range =
    min !== null && max !== null
      ? `${min} to ${max}`
      : min !== null
        ? `at least ${min}`
        : max !== null
          ? `at most ${max}`
          : "";
  const multiple = param.multipleOf === undefined || step === null ? "" : `multiples of ${step}`;
  const preset = control === "number" && initial !== "" ? `default ${initial}` : "";
  const load = isLoad ? "another value needs another worker" : "";
  return [range, multiple, preset, load].filter((part) => part !== "").join(" · ");
}

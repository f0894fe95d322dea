import { Failure } from "../../std/failure.ts";
import { LABEL_NAME } from "../../std/label-name.ts";

/** What the --label flags of one command line say together. */
export interface LabelFlag {
  /** A name for people. */
  readonly label?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * Reads one --label: NAME=VALUE is a label to find the job by, any other text its name for people.
 * @throws Failure usage/invalid
 */
export function readLabel(text: string, before: LabelFlag = {}): LabelFlag {
  const at = text.indexOf("=");
  if (at < 0 || /\s/.test(text.slice(0, at))) {
    if (before.label === undefined) return { ...before, label: text };
    throw new Failure("usage/invalid", `--label: it is called "${before.label}" and "${text}"`, {
      why: "a job has one name; labels to find it by have a value",
      hint: `--label ${text}=VALUE`,
    });
  }
  const name = text.slice(0, at);
  if (!LABEL_NAME.test(name)) {
    throw new Failure("usage/invalid", `--label: "${name}" cannot be the name of a label`, {
      why: "it has 1 to 63 letters, digits or any of _ . / -, a letter or digit first",
      hint: "--label team=vision",
    });
  }
  return { ...before, labels: { ...before.labels, [name]: text.slice(at + 1) } };
}

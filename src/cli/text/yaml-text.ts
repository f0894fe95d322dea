import { Failure } from "../../std/failure.ts";

/** A value as YAML, on one line where that is easy to read; ends with a line break. */
export async function writeYaml(value: unknown): Promise<string> {
  const { stringify } = await import("yaml");
  return stringify(value, { lineWidth: 0 });
}

/**
 * Reads one YAML document as plain data. The parser is loaded here only: it costs more than all of `orch ls`.
 * @param source what the text is called in failures
 * @throws Failure param/invalid with line and column
 */
export async function readYaml(text: string, source: string): Promise<unknown> {
  const { LineCounter, parseDocument } = await import("yaml");
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const { line, col } = lineCounter.linePos(broken.pos[0]);
    throw new Failure("param/invalid", `${source}:${line}:${col}: it is not valid YAML`, {
      why: broken.message,
    });
  }
  // An alias is of use in no params, and a few of them make a document that fills the memory.
  return document.toJS({ maxAliasCount: 10 }) as unknown;
}

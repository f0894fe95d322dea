/** A line of a CSV file; a quoted field may hold line breaks, so `line` is where it begins. Lines count from 1. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
  /** The file ended within quotes. */
  readonly isOpen: boolean;
}

interface Reader {
  line: number;
  startLine: number;
  field: string;
  fields: string[];
  /** `quote`: a quote within quotes, which either ends them or is the first of two. */
  state: "start" | "plain" | "quoted" | "quote";
}

/**
 * Reads CSV as RFC 4180 has it, chunk by chunk: fields in quotes with "" for a quote, lines that end with LF or CRLF. A
 * byte order mark and empty lines are left out.
 */
export async function* readCsv(
  chunks: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<CsvRecord, void, undefined> {
  const reader: Reader = { line: 1, startLine: 1, field: "", fields: [], state: "start" };
  let isFirst = true;
  for await (const chunk of chunks) {
    if (chunk === "") continue;
    yield* readChunk(reader, isFirst ? chunk.replace(/^\uFEFF/, "") : chunk);
    isFirst = false;
  }
  yield* endRecord(reader);
}

function* readChunk(reader: Reader, chunk: string): Generator<CsvRecord, void, undefined> {
  for (let at = 0; at < chunk.length; ) {
    if (reader.state === "quoted") {
      at = readQuoted(reader, chunk, at);
      continue;
    }
    const character = chunk[at] ?? "";
    at += 1;
    if (character === "\n") {
      yield* endRecord(reader);
      reader.line += 1;
      reader.startLine = reader.line;
    } else readCharacter(reader, character);
  }
}

function readCharacter(reader: Reader, character: string): void {
  if (character === ",") {
    endField(reader);
  } else if (character === '"' && (reader.state === "start" || reader.state === "quote")) {
    if (reader.state === "quote") reader.field += character;
    reader.state = "quoted";
  } else {
    reader.field += character;
    reader.state = "plain";
  }
}

/** Takes what stands in quotes. @returns where to go on */
function readQuoted(reader: Reader, chunk: string, from: number): number {
  const quote = chunk.indexOf('"', from);
  const text = chunk.slice(from, quote < 0 ? chunk.length : quote);
  reader.field += text;
  for (const character of text) if (character === "\n") reader.line += 1;
  if (quote < 0) return chunk.length;
  reader.state = "quote";
  return quote + 1;
}

function endField(reader: Reader): void {
  reader.fields.push(reader.field);
  reader.field = "";
  reader.state = "start";
}

function* endRecord(reader: Reader): Generator<CsvRecord, void, undefined> {
  const isOpen = reader.state === "quoted";
  if (reader.field.endsWith("\r")) reader.field = reader.field.slice(0, -1);
  const isEmpty = reader.fields.length === 0 && reader.field === "";
  endField(reader);
  const { fields } = reader;
  reader.fields = [];
  if (!isEmpty) yield { line: reader.startLine, fields, isOpen };
}

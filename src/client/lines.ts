import { StringDecoder } from "node:string_decoder";

/**
 * Cuts a byte stream into lines without their newline, wherever the chunks break (also within a UTF-8
 * character). Empty lines are left out: they are heartbeats. A last line without a newline counts.
 */
export async function* linesOf(chunks: AsyncIterable<unknown>): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder("utf8");
  let parts: string[] = [];
  for await (const chunk of chunks) {
    const text = typeof chunk === "string" ? chunk : decoder.write(chunk as Buffer);
    const pieces = text.split("\n");
    // Parts are joined once per line, so a very long line does not cost the square of its length.
    parts.push(pieces.shift() ?? "");
    for (const piece of pieces) {
      const line = parts.join("");
      parts = [piece];
      if (line.trim() !== "") yield line;
    }
  }
  const last = parts.join("") + decoder.end();
  if (last.trim() !== "") yield last;
}

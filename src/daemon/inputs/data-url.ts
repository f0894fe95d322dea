import { Failure } from "../../std/failure.ts";

/** A file that was written out in an address. */
interface WrittenOut {
  readonly name: string;
  readonly type: string | null;
  readonly bytes: AsyncIterable<Buffer>;
}

/** Reads "data:image/png;base64,…" (RFC 2397). @throws Failure param/invalid */
export function readDataUrl(text: string, what: string): WrittenOut {
  const comma = text.indexOf(",");
  const [type = "", ...rest] = text.slice("data:".length, comma === -1 ? 0 : comma).split(";");
  const refuse = (why: string): Failure =>
    new Failure("param/invalid", `${what}: this is no data URL`, { why });
  if (comma === -1 || comma > 500) throw refuse("there is no comma after its type");
  const data = text.slice(comma + 1);
  const isBase64 = rest.at(-1)?.trim().toLowerCase() === "base64";
  const bytes = isBase64 ? fromBase64(data) : fromPercent(data);
  if (bytes === null)
    throw refuse(isBase64 ? "what follows is not base64" : "what follows is not percent-encoded");
  return { name: "", type: type === "" ? null : type, bytes: once(bytes) };
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

function fromBase64(data: string): Buffer | null {
  const bytes = Buffer.from(data, "base64");
  // Node skips what does not belong there: then less comes of it.
  const characters = data.replace(/(%3D|=)*$/i, "").length;
  return bytes.length === Math.floor((characters * 3) / 4) ? bytes : null;
}

function fromPercent(data: string): Buffer | null {
  try {
    return Buffer.from(decodeURIComponent(data));
  } catch {
    return null;
  }
}

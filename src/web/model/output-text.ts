/** What a job answered, for people: prose as it is, other JSON laid out; null when it answered nothing. */
export interface OutputText {
  readonly text: string;
  readonly isProse: boolean;
}

/** A field that holds the answer of a text model, where an answer is an object. */
const PROSE_FIELDS = ["text", "output", "response", "content", "transcript"];

/** See OutputText. Of an object with one long text, that text is what people want to read. */
export function outputText(output: unknown): OutputText | null {
  if (output === null || output === undefined) return null;
  if (typeof output === "string") return output === "" ? null : { text: output, isProse: true };
  if (Array.isArray(output) && output.length > 0 && output.every((part) => typeof part === "string"))
    return { text: output.join(""), isProse: true };
  if (typeof output === "object") {
    const fields = output as Readonly<Record<string, unknown>>;
    const name = PROSE_FIELDS.find((each) => typeof fields[each] === "string" && fields[each] !== "");
    if (name !== undefined) return { text: String(fields[name]), isProse: true };
    if (Object.keys(fields).length === 0) return null;
  }
  return { text: JSON.stringify(output, null, 2), isProse: false };
}

/** How an artifact can be shown in the page. */
export type ArtifactKind = "image" | "audio" | "video" | "text" | "file";

/** By its type, else by the end of its name. Pages and drawings that may hold scripts are text. */
export function artifactKind({
  name,
  type,
}: {
  readonly name: string;
  readonly type: string | null;
}): ArtifactKind {
  const known = (type ?? "").split(";")[0] ?? "";
  if (/^image\/(png|jpeg|gif|webp|avif|bmp)$/.test(known)) return "image";
  if (known.startsWith("audio/")) return "audio";
  if (known.startsWith("video/")) return "video";
  if (known.startsWith("text/") || /^(application\/(json|x-ndjson|yaml|xml)|image\/svg\+xml)$/.test(known))
    return "text";
  if (known !== "" && known !== "application/octet-stream") return "file";
  if (/\.(png|jpe?g|gif|webp|avif)$/i.test(name)) return "image";
  if (/\.(wav|mp3|flac|ogg|m4a|opus)$/i.test(name)) return "audio";
  if (/\.(mp4|webm)$/i.test(name)) return "video";
  return /\.(txt|log|md|csv|json|jsonl|ya?ml|toml|py)$/i.test(name) ? "text" : "file";
}

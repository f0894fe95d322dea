/** How a file param is put in: as its path, or as what is in it. */
export type FileEncoding = "path" | "base64" | "dataUrl";

/** A `{param}` of a template; `{param:base64}` and `{param:dataUrl}` stand for what is in a file. */
export interface Placeholder {
  readonly name: string;
  readonly encoding: FileEncoding;
  /** False for `{param:something}` with an encoding that nobody knows. */
  readonly isKnown: boolean;
}

const pattern = /\{([A-Za-z][A-Za-z0-9_-]*)(?::([A-Za-z0-9]*))?\}/g;

/** The placeholders of a text, in their order. */
export function placeholdersIn(text: string): Placeholder[] {
  return [...text.matchAll(pattern)].map((match) => toPlaceholder(match[1] ?? "", match[2]));
}

/** The placeholder that a text is, with nothing around it; else null. */
export function wholePlaceholder(text: string): Placeholder | null {
  const [only] = placeholdersIn(text);
  if (only === undefined || text.indexOf("}") !== text.length - 1 || !text.startsWith("{")) return null;
  return only;
}

/** The text with every placeholder replaced by what `textOf` gives; what it gives is not looked at again. */
export function fillPlaceholders(text: string, textOf: (name: string) => string): string {
  return text.replace(pattern, (_all, name: string) => textOf(name));
}

function toPlaceholder(name: string, encoding: string | undefined): Placeholder {
  if (encoding === undefined) return { name, encoding: "path", isKnown: true };
  const isKnown = encoding === "base64" || encoding === "dataUrl";
  return { name, encoding: isKnown ? encoding : "path", isKnown };
}

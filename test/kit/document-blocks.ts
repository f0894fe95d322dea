import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** The fenced blocks of one language in a document of the repository. */
export function blocksIn(document: string, language: string): string[] {
  const text = readFileSync(join(root, document), "utf8");
  const pattern = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms");
  return [...text.matchAll(pattern)].map((match) => match[1] ?? "");
}

import { mimeTypeOf } from "../std/mime-type.ts";

/** True for what may stand in `accept`: an extension (".png"), a MIME type ("image/png") or a family ("image/*"). */
export function isAcceptEntry(entry: string): boolean {
  return /^\.[A-Za-z0-9][A-Za-z0-9._-]*$/.test(entry) || /^[a-z]+\/(?:\*|[A-Za-z0-9.+-]+)$/.test(entry);
}

/**
 * Whether a file of this name is one that `accept` takes, judged by its extension alone; an empty list takes all.
 * A name with an unknown extension or none fits no MIME type.
 */
export function isAccepted(fileName: string, accept: readonly string[]): boolean {
  if (accept.length === 0) return true;
  const name = fileName.toLowerCase();
  const type = mimeTypeOf(name);
  return accept.some((entry) => {
    const wanted = entry.toLowerCase();
    if (wanted.startsWith(".")) return name.endsWith(wanted);
    if (type === null) return false;
    return wanted.endsWith("/*") ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
  });
}

/** MIME types by file extension, for the files that models take and give. */
const typeByExtension: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".webp": "image/webp",
  ".gif": "image/gif",
  ".bmp": "image/bmp",
  ".tif": "image/tiff",
  ".tiff": "image/tiff",
  ".svg": "image/svg+xml",
  ".wav": "audio/wav",
  ".mp3": "audio/mpeg",
  ".flac": "audio/flac",
  ".ogg": "audio/ogg",
  ".m4a": "audio/mp4",
  ".mp4": "video/mp4",
  ".webm": "video/webm",
  ".mov": "video/quicktime",
  ".mkv": "video/x-matroska",
  ".txt": "text/plain",
  ".md": "text/markdown",
  ".csv": "text/csv",
  ".html": "text/html",
  ".json": "application/json",
  ".jsonl": "application/x-ndjson",
  ".ndjson": "application/x-ndjson",
  ".yaml": "application/yaml",
  ".yml": "application/yaml",
  ".pdf": "application/pdf",
  ".zip": "application/zip",
  ".gz": "application/gzip",
  ".tar": "application/x-tar",
  ".npy": "application/x-npy",
  ".parquet": "application/vnd.apache.parquet",
};

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
  const type = fileType(name);
  return accept.some((entry) => {
    const wanted = entry.toLowerCase();
    if (wanted.startsWith(".")) return name.endsWith(wanted);
    if (type === null) return false;
    return wanted.endsWith("/*") ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
  });
}

/** The MIME type that the extension of a file name tells, or null. */
export function fileType(fileName: string): string | null {
  const dot = fileName.lastIndexOf(".");
  const extension = dot < 0 ? "" : fileName.slice(dot).toLowerCase();
  return Object.hasOwn(typeByExtension, extension) ? (typeByExtension[extension] ?? null) : null;
}

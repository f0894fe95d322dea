import { extname } from "node:path";

/** The kinds of files that models make and take; names by the IANA media type registry where it has one. */
const TYPES: Readonly<Record<string, string>> = {
  ".avif": "image/avif",
  ".bmp": "image/bmp",
  ".csv": "text/csv",
  ".flac": "audio/flac",
  ".gif": "image/gif",
  ".glb": "model/gltf-binary",
  ".gz": "application/gzip",
  ".html": "text/html",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".json": "application/json",
  ".jsonl": "application/x-ndjson",
  ".log": "text/plain",
  ".m4a": "audio/mp4",
  ".md": "text/markdown",
  ".mkv": "video/matroska",
  ".mov": "video/quicktime",
  ".mp3": "audio/mpeg",
  ".mp4": "video/mp4",
  ".ndjson": "application/x-ndjson",
  ".npy": "application/x-npy",
  ".ogg": "audio/ogg",
  ".parquet": "application/vnd.apache.parquet",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".srt": "application/x-subrip",
  ".svg": "image/svg+xml",
  ".tar": "application/x-tar",
  ".tif": "image/tiff",
  ".tiff": "image/tiff",
  ".tsv": "text/tab-separated-values",
  ".txt": "text/plain",
  ".vtt": "text/vtt",
  ".wav": "audio/wav",
  ".webm": "video/webm",
  ".webp": "image/webp",
  ".xml": "application/xml",
  ".yaml": "application/yaml",
  ".yml": "application/yaml",
  ".zip": "application/zip",
};

/** The MIME type that the extension of a file name stands for, or null. */
export function mimeTypeOf(name: string): string | null {
  return TYPES[extname(name).toLowerCase()] ?? null;
}

/** The extension with its dot for a MIME type ("image/png" gives ".png"), or null for a type that is not known here. */
export function extensionOf(type: string): string | null {
  const bare = type.split(";")[0]?.trim().toLowerCase();
  // The last of several is the usual one: .jpg, .tiff, .txt.
  return Object.keys(TYPES).findLast((extension) => TYPES[extension] === bare) ?? null;
}

/** First bytes of formats, in latin-1, and how far in they begin. */
const MAGIC: readonly (readonly [type: string, offset: number, bytes: string])[] = [
  ["image/png", 0, "\x89PNG\r\n\x1a\n"],
  ["image/jpeg", 0, "\xff\xd8\xff"],
  ["image/gif", 0, "GIF8"],
  ["image/webp", 8, "WEBP"],
  ["audio/wav", 8, "WAVE"],
  ["audio/mpeg", 0, "ID3"],
  ["audio/mpeg", 0, "\xff\xfb"],
  ["audio/flac", 0, "fLaC"],
  ["audio/ogg", 0, "OggS"],
  ["video/mp4", 4, "ftyp"],
  ["video/webm", 0, "\x1aE\xdf\xa3"],
  ["model/gltf-binary", 0, "glTF"],
  ["application/pdf", 0, "%PDF-"],
  ["application/zip", 0, "PK\x03\x04"],
];

/** The MIME type that a file's first bytes look like, or null. */
export function sniffType(head: Buffer): string | null {
  const text = head.subarray(0, 32).toString("latin1");
  return MAGIC.find(([, offset, bytes]) => text.startsWith(bytes, offset))?.[0] ?? null;
}

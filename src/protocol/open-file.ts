import type { FileHandle } from "node:fs/promises";

/** A file that is open for reading, and what is known of it. */
export interface OpenFile {
  /** Whoever got it closes it. */
  readonly handle: FileHandle;
  /** With the folders it is in: "images/0001.png". */
  readonly name: string;
  /** MIME type; null = not known. */
  readonly type: string | null;
  readonly bytes: number;
  readonly changedAtMs: number;
}

/** A file that is being sent. */
export interface SentFile {
  /** As whoever sends it calls it; empty = not said. */
  readonly name: string;
  /** MIME type; null = not said. */
  readonly type: string | null;
  readonly bytes: AsyncIterable<Buffer>;
  /** How long it is said to be; left out = not said. */
  readonly saidBytes?: number | undefined;
}

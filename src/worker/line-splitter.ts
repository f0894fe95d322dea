/** Longest line that is taken from a worker, in bytes; the SDK keeps below it. */
export const MAX_LINE_BYTES = 1024 * 1024;

/** Cuts a stream of bytes into lines, with a bound on the memory that a line may take. */
export interface LineSplitter {
  /** The lines that are whole now, without their ends. Empty lines are left out, overlong ones dropped. */
  push(chunk: Buffer): string[];
  /** True once a line was longer than MAX_LINE_BYTES. */
  readonly hasDropped: boolean;
}

/** Makes a splitter for one stream. */
export function createLineSplitter(): LineSplitter {
  let parts: Buffer[] = [];
  let partsBytes = 0;
  let isDropping = false;
  let hasDropped = false;

  const keep = (part: Buffer): void => {
    partsBytes += part.length;
    if (partsBytes > MAX_LINE_BYTES) {
      isDropping = true;
      hasDropped = true;
    }
    if (isDropping) parts = [];
    else parts.push(part);
  };

  const endLine = (): string => {
    const line = isDropping ? "" : Buffer.concat(parts, partsBytes).toString("utf8").trim();
    parts = [];
    partsBytes = 0;
    isDropping = false;
    return line;
  };

  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        keep(chunk.subarray(start, end));
        const line = endLine();
        if (line !== "") lines.push(line);
        start = end + 1;
      }
      if (start < chunk.length) keep(chunk.subarray(start));
      return lines;
    },
    get hasDropped() {
      return hasDropped;
    },
  };
}

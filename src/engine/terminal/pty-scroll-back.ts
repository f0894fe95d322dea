import { createTerminalModes } from "../../std/terminal-modes.ts";

/** The last output of a terminal, for viewers that come later. */
export interface ScrollBack {
  push(chunk: Buffer): void;
  /** What shows a fresh terminal the last output: modes set before it, then it, cut where no character is torn. */
  replay(): Buffer;
  /** True when a full-screen program has the screen now: only its own redraw makes it whole. */
  isAlternate(): boolean;
}

/** As much as is looked through for the end of a line to begin after. */
const CUT_SEARCH_BYTES = 4_096;
const CHUNK_BYTES = 4_096;
const NEWLINE = 0x0a;

/** Keeps the last `maxBytes` bytes, or up to one chunk more. */
export function createScrollBack(maxBytes: number): ScrollBack {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Of all that was dropped: the modes in which what is kept begins.
  const dropped = createTerminalModes();
  let isCut = false;
  const window = (): { start: number; kept: Buffer } => {
    const kept = Buffer.concat(chunks);
    return { start: isCut ? safeStart(kept) : 0, kept };
  };
  return {
    push(chunk) {
      const last = chunks.at(-1);
      // Programs that write byte by byte must not cost an object for each.
      if (last !== undefined && last.length + chunk.length <= CHUNK_BYTES)
        chunks[chunks.length - 1] = Buffer.concat([last, chunk]);
      else chunks.push(chunk);
      bytes += chunk.length;
      while (bytes - (chunks[0]?.length ?? 0) >= maxBytes) {
        const first = chunks.shift() ?? Buffer.alloc(0);
        bytes -= first.length;
        dropped.feed(first);
        isCut = true;
      }
    },
    replay() {
      const { start, kept } = window();
      const modes = dropped.copy();
      modes.feed(kept.subarray(0, start));
      return Buffer.concat([Buffer.from(modes.restoring(), "latin1"), kept.subarray(start)]);
    },
    isAlternate() {
      const modes = dropped.copy();
      for (const chunk of chunks) modes.feed(chunk);
      return modes.isAlternate();
    },
  };
}

/** Where to begin so that no line, and at least no character or escape sequence, is torn. */
function safeStart(kept: Buffer): number {
  const newline = kept.subarray(0, CUT_SEARCH_BYTES).indexOf(NEWLINE);
  if (newline >= 0) return newline + 1;
  const sequence = kept.subarray(0, CUT_SEARCH_BYTES).indexOf(0x1b);
  if (sequence >= 0) return sequence;
  let start = 0;
  // UTF-8: the bytes 10xxxxxx go on with a character.
  while (((kept[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return start;
}

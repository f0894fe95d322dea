/** Longest text of a job, in characters: as long as an output may be. */
const LONGEST_TEXT = 1024 * 1024;

/** The text that a job writes piece by piece. */
export interface WrittenText {
  /** @returns false when it would be too long: this piece and all after it are left out */
  add(piece: string): boolean;
  /** All of it so far. */
  text(): string;
}

/** Nothing is written yet. */
export function createWrittenText(): WrittenText {
  let text = "";
  let isFull = false;
  return {
    add(piece) {
      isFull ||= text.length + piece.length > LONGEST_TEXT;
      if (!isFull) text += piece;
      return !isFull;
    },
    text: () => text,
  };
}

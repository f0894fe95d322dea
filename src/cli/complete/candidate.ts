/** Something that may be typed next. */
export interface Candidate {
  /** The whole word, as the program would get it: without quotes. */
  readonly value: string;
  /** What it is, in a few words; may be empty. */
  readonly about: string;
}

/** What the shell is to do beside offering the candidates. */
export type Directive =
  | { readonly kind: "nothing" }
  /** No blank behind the word: it goes on. */
  | { readonly kind: "nospace" }
  | { readonly kind: "files" }
  | { readonly kind: "folders" }
  /** The words from this one on (0 = the one behind `orch`) are a command line of their own. */
  | { readonly kind: "command"; readonly at: number };

/** All that may come next. */
export interface Offer {
  readonly candidates: readonly Candidate[];
  readonly directive: Directive;
}

/** An offer of words, or of none. */
export function offerOf(candidates: readonly Candidate[] = []): Offer {
  return { candidates, directive: { kind: "nothing" } };
}

/** Leaves it to the shell. */
export function leaveTo(kind: "files" | "folders"): Offer {
  return { candidates: [], directive: { kind } };
}

/** Words that need no explanation. */
export function plainWords(words: readonly string[]): Candidate[] {
  return words.map((value) => ({ value, about: "" }));
}

/** The candidates that go on as `typed` begins. */
export function goingOn(offer: Offer, typed: string): Offer {
  return { ...offer, candidates: offer.candidates.filter(({ value }) => value.startsWith(typed)) };
}

/** The same with a text before each word. */
export function withHead(offer: Offer, head: string): Offer {
  const candidates = offer.candidates.map(({ value, about }) => ({ value: head + value, about }));
  return { ...offer, candidates };
}

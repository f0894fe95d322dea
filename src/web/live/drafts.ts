/** What is filled into the form of each runtime, so that a look elsewhere loses nothing. Lives as long as the page. */
const drafts = new Map<string, Readonly<Record<string, string>>>();

/** The texts of a runtime's form by the names of its fields; those that are not there are at their defaults. */
export function draftOf(runtime: string): Readonly<Record<string, string>> {
  return drafts.get(runtime) ?? {};
}

/** Keeps the texts of a runtime's form. */
export function keepDraft(runtime: string, texts: Readonly<Record<string, string>>): void {
  drafts.set(runtime, texts);
}

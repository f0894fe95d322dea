import type { JSX } from "preact";
import { useCallback, useState } from "preact/hooks";
import type { Notify } from "./actions.tsx";

/** What became of an action, for a while. */
export interface Note {
  readonly id: number;
  readonly text: string;
  readonly kind: "good" | "bad";
}

const SHOWN_MS = 6_000;
let lastId = 0;

/** The notes that are shown, and what adds one. */
export function useNotes(): [readonly Note[], Notify] {
  const [notes, setNotes] = useState<readonly Note[]>([]);
  const notify = useCallback<Notify>((text, kind = "good") => {
    lastId += 1;
    const note = { id: lastId, text, kind };
    setNotes((known) => [...known.slice(-3), note]);
    window.setTimeout(() => setNotes((known) => known.filter(({ id }) => id !== note.id)), SHOWN_MS);
  }, []);
  return [notes, notify];
}

/** Draws them where they cover nothing that is read. */
export function Notes({ notes }: { readonly notes: readonly Note[] }): JSX.Element {
  return (
    <div class="notes" role="status" aria-live="polite">
      {notes.map(({ id, text, kind }) => (
        <p key={id} class={`note is-${kind}`}>
          {text}
        </p>
      ))}
    </div>
  );
}

import type { Clock } from "../../../std/clock.ts";

/** One turn of a chat, as servers take it. */
export interface Message {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** What was said in chats, as far as models are reminded of it. Lost with the daemon, as it always was. */
export interface Sessions {
  recall(session: string): readonly Message[];
  remember(session: string, said: readonly Message[]): void;
}

/** So many messages of a session are kept. */
const MOST_MESSAGES = 20;
const MOST_SESSIONS = 1_000;
const FORGET_MS = 24 * 3_600_000;

/** Nobody has said anything. */
export function createSessions(clock: Clock): Sessions {
  const known = new Map<string, { readonly said: readonly Message[]; readonly atMs: number }>();
  return {
    recall(session) {
      const found = known.get(session);
      return found === undefined || clock.monotonicMs() - found.atMs > FORGET_MS ? [] : found.said;
    },
    remember(session, said) {
      const all = [...this.recall(session), ...said].slice(-MOST_MESSAGES);
      // The one that was used last is the last to be forgotten.
      known.delete(session);
      known.set(session, { said: all, atMs: clock.monotonicMs() });
      const [oldest] = known.keys();
      if (known.size > MOST_SESSIONS && oldest !== undefined) known.delete(oldest);
    },
  };
}

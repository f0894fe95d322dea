import type { Manner } from "../forward/in-turn.ts";
import type { Standing } from "../request-port.ts";

/** Nothing is said before the answer. */
export const wholeAnswers: Manner = { streamType: null, ping: null, tell: null };

/** How streams are kept waiting: lines of them that clients skip. */
export function streamed(progress: string | string[] | undefined): Manner {
  const isTold = progress !== undefined && progress !== "0";
  return { streamType: "text/event-stream", ping: ": ping\n\n", tell: isTold ? tellStanding : null };
}

function tellStanding({ ahead, reason, etaMs }: Standing): string {
  return `: orch ${JSON.stringify({ ahead, reason, etaMs })}\n\n`;
}

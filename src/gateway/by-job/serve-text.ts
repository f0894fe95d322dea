import { Failure } from "../../std/failure.ts";
import { untilDrained } from "../event-stream.ts";
import { answerJson } from "../forward/answer-json.ts";
import { keepWaiting, type Manner } from "../forward/in-turn.ts";
import type { Kit } from "../forward/kit.ts";
import type { Translation } from "../forward/translate.ts";
import type { Exchange } from "../port.ts";
import { type JobWish, submitFor, untilOver, type WrittenPiece } from "./run-job.ts";
import { readTextOutput } from "./text-output.ts";

/** A request for a text, in the words of whichever API. */
export interface TextWish extends JobWish {
  /** How the caller is kept waiting, if the answer is a stream. */
  readonly manner: Manner;
  /** Makes the answer of one to a chat of OpenAI's API, or of pieces of one. */
  readonly translate: (job: number) => Translation;
}

/**
 * Serves a request for a text by a job: a stream has each piece as the handler writes it.
 * @throws Failure of many kinds
 */
export async function serveTextByJob(kit: Kit, exchange: Exchange, wish: TextWish): Promise<void> {
  const { port } = kit;
  const job = await submitFor(kit, exchange, wish);
  const { stream, whole } = wish.translate(job);
  if (stream === null) {
    const {
      text: content,
      finishReason,
      usage,
    } = readTextOutput((await untilOver(port, job, exchange)).output);
    const message = { role: "assistant", content };
    const choices = [{ index: 0, message, finish_reason: finishReason }];
    return answerJson(exchange.response, whole({ choices, usage }));
  }
  const manner = { ...wish.manner, opening: stream.begin() };
  const waiting = keepWaiting(exchange, manner, () => port.standingOf(job));
  const told = { attempt: 0, text: "" };
  const { response } = exchange;
  const tell = async (content: string): Promise<void> => {
    waiting.begin();
    const choices = [{ index: 0, delta: { content }, finish_reason: null }];
    if (!response.destroyed && !response.write(stream.piece({ choices }))) await untilDrained(response);
  };
  try {
    const { output } = await untilOver(port, job, exchange, async ({ attempt, text }: WrittenPiece) => {
      refuseOther(told.attempt, attempt);
      told.attempt = attempt;
      told.text += text;
      await tell(text);
    });
    const { text, finishReason, usage } = readTextOutput(output);
    // What is returned goes on from what was written; if not, what was told stays.
    const rest = text.startsWith(told.text) ? text.slice(told.text.length) : "";
    if (rest !== "") await tell(rest);
    waiting.begin();
    waiting.end();
    const choices = [{ index: 0, delta: {}, finish_reason: finishReason }];
    response.end(stream.piece({ choices, usage }) + stream.end());
  } finally {
    waiting.end();
  }
}

/** A text that was told in part cannot be begun anew. */
function refuseOther(before: number, attempt: number): void {
  if (before === 0 || before === attempt) return;
  throw new Failure("worker/failed", "the worker broke off its answer", { why: "its job had to begin anew" });
}

import type { Client } from "../../client/client.ts";
import type { Context } from "../context.ts";
import { oneLine } from "../text/width.ts";
import { type Candidate, type Directive, type Offer, offerOf } from "./candidate.ts";
import { completeWords } from "./complete-words.ts";
import { replacementOf, splitShellLine } from "./shell-line.ts";
import type { Ask } from "./value-offers.ts";

/** Who waits for a Tab does not wait longer for a daemon that hangs; one that is not there costs nothing. */
const ASK_TIMEOUT_MS = 1000;

/**
 * `orch __complete -- WORDS…`: prints what the last word may become, a line each: the word, a tab, what it is; on the last
 * line, behind a colon, what the shell is to do beside (`:files`, `:nospace`, `:command 2` …). `--bash -- LINE REPLACED`
 * takes the line as bash has it, and prints what goes in place of REPLACED. Says nothing of what goes wrong, starts no daemon.
 */
export async function complete(context: Context, argv: readonly string[]): Promise<number> {
  const words = argv.slice(argv.indexOf("--") + 1);
  const lines = argv[0] === "--bash" ? await forBash(context, words) : await forWords(context, words);
  context.out.print(lines.join("\n"));
  return 0;
}

async function forWords(context: Context, words: readonly string[]): Promise<string[]> {
  const offer = await offerFor(context, words.slice(0, -1), words.at(-1) ?? "");
  return [...offer.candidates.map(toLine), directiveLine(offer.directive)];
}

async function forBash(context: Context, [line = "", replaced = ""]: readonly string[]): Promise<string[]> {
  const { before, current, raw } = splitShellLine(line);
  const offer = await offerFor(context, before.slice(1), current);
  const candidates = offer.candidates.map(({ value, about }) =>
    toLine({ value: replacementOf(value, raw, replaced), about }),
  );
  const { directive } = offer;
  // Bash counts words otherwise: it is told whether the word is the program or something behind it.
  const shown: Directive =
    directive.kind === "command" && before.length - 1 > directive.at ? { kind: "files" } : directive;
  return [...candidates, directiveLine(shown)];
}

async function offerFor(context: Context, before: readonly string[], current: string): Promise<Offer> {
  try {
    const offer = await completeWords(context, { before, current, offset: 0 }, asker(context));
    return { ...offer, candidates: offer.candidates.filter(({ value }) => !/[\t\r\n]/.test(value)) };
  } catch {
    return offerOf();
  }
}

/** Asks the daemon if one runs; what does not answer in time has no answer. */
function asker(context: Context): Ask {
  let client: Promise<Client> | undefined;
  const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
  const tooLate = new Promise<null>((resolve) => {
    signal.addEventListener("abort", () => resolve(null));
  });
  return async (question) => {
    client ??= context.connect({ autostart: false });
    const answer = client.then(question).catch(() => null);
    return Promise.race([answer, tooLate]);
  };
}

function toLine({ value, about }: Candidate): string {
  const text = oneLine(about);
  return text === "" ? value : `${value}\t${text}`;
}

function directiveLine(directive: Directive): string {
  if (directive.kind === "nothing") return ":";
  return directive.kind === "command" ? `:command ${directive.at}` : `:${directive.kind}`;
}

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { StreamApi } from "../../operations/api.ts";
import { errorText, isLost, stream } from "../live/api.ts";
import { appendLog } from "../model/log-text.ts";

const MOST_LINES = 3_000;
const TAIL = 1_000;
const RETRY_MS = 1_500;

/** A job by its id, or a worker by its name. */
export type Writer = { readonly job: number } | { readonly worker: string };

/** What a job or a worker writes, as it comes. Stays at the end unless somebody scrolled up. */
export function LogPane({ of }: { readonly of: Writer }): JSX.Element {
  const [lines, setLines] = useState<readonly string[]>([""]);
  const [problem, setProblem] = useState<string | null>(null);
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: who writes, not the object that says so
  useEffect(() => {
    const controller = new AbortController();
    setLines([""]);
    follow(of, setLines, setProblem, controller.signal).catch(() => undefined);
    return () => controller.abort();
  }, [keyOf(of)]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever lines came
  useLayoutEffect(() => {
    const element = box.current;
    if (element !== null && isAtEnd.current) element.scrollTop = element.scrollHeight;
  }, [lines]);
  const scroll = (): void => {
    const element = box.current;
    if (element !== null)
      isAtEnd.current = element.scrollTop + element.clientHeight > element.scrollHeight - 24;
  };
  const text = lines.join("\n");
  return (
    <section aria-label="Log">
      <h3>Log</h3>
      {problem !== null && <p class="muted">{problem}</p>}
      {(problem === null || text !== "") && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keys
        <pre class="log" ref={box} tabIndex={0} onScroll={scroll}>
          {text.trim() === "" ? <span class="muted">nothing so far</span> : text}
        </pre>
      )}
    </section>
  );
}

function keyOf(of: Writer): string {
  return "job" in of ? String(of.job) : of.worker;
}

type Asked = Omit<StreamApi["GET /jobs/:job/logs"]["input"], "job">;

function streamOf(of: Writer, asked: Asked, signal: AbortSignal) {
  return "job" in of
    ? stream("GET /jobs/:job/logs", { ...asked, job: of.job }, signal)
    : stream("GET /logs", { ...asked, workers: [of.worker] }, signal);
}

/** Reads until what writes is over; a broken connection is taken up where it broke. */
async function follow(
  of: Writer,
  setLines: (change: (lines: readonly string[]) => readonly string[]) => void,
  setProblem: (text: string | null) => void,
  signal: AbortSignal,
): Promise<void> {
  let cursor: string | null = null;
  let waiting = "";
  let frame = 0;
  const show = (): void => {
    frame = 0;
    const piece = waiting;
    waiting = "";
    setLines((lines) => appendLog(lines, piece, MOST_LINES));
  };
  while (!signal.aborted) {
    try {
      const asked: Asked = {
        follow: true,
        ...(cursor === null ? { tail: TAIL } : { resume: [cursor] }),
      };
      for await (const line of streamOf(of, asked, signal)) {
        cursor = line.cursor;
        waiting += line.text;
        if (frame === 0) frame = window.setTimeout(show, 50);
      }
      return setProblem(null);
    } catch (error) {
      if (signal.aborted) return;
      setProblem(errorText(error));
      if (!isLost(error)) return;
      await new Promise((resolve) => window.setTimeout(resolve, RETRY_MS));
    }
  }
}

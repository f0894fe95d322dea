import pino, { type DestinationStream, type Logger } from "pino";
import type { Config } from "../../config/config.ts";
import { withoutSecrets } from "../../log/secret-names.ts";

/** Lines that cannot be written are kept up to this much; the ones after that are lost. Bytes. */
const MAX_KEPT_BYTES = 2 ** 20;
/** A turn that says more than this does not wait for its end. Characters. */
const LARGE_TURN = 2 ** 16;

/** What is left of the last turn: nothing comes after it. */
const flushes = new Set<() => void>();
process.once("exit", () => {
  for (const flush of flushes) flush();
});

/** What was said in one turn of the event loop is written at once: a request to the gateway says a line, and there are thousands a second. */
function byTurns(destination: DestinationStream): DestinationStream {
  let lines = "";
  const flush = (): void => {
    if (lines === "") return;
    destination.write(lines);
    lines = "";
  };
  flushes.add(flush);
  return {
    write(line) {
      if (lines === "") setImmediate(flush);
      lines += line;
      if (lines.length > LARGE_TURN) flush();
    },
  };
}

/** Opens the daemon's log for appending. @throws Node's error if the file cannot be opened. */
export function openLog(file: string, level: Config["logLevel"]): Logger {
  const destination = pino.destination({
    dest: file,
    append: true,
    mkdir: true,
    mode: 0o600,
    sync: true,
    maxLength: MAX_KEPT_BYTES,
  });
  // Unheard, this event would end the process: a full disk may cost lines of the log, never the daemon.
  destination.on("error", () => {});
  return pino(
    {
      level,
      base: { pid: process.pid },
      // No line is meant to have a secret; one that is logged by mistake is known by its name.
      formatters: { log: (fields) => withoutSecrets(fields) as Record<string, unknown> },
    },
    byTurns(destination),
  );
}

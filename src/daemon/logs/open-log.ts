import pino, { type Logger } from "pino";
import type { Config } from "../../config/config.ts";
import { withoutSecrets } from "../../log/secret-names.ts";

/** Lines that cannot be written are kept up to this much; the ones after that are lost. Bytes. */
const MAX_KEPT_BYTES = 2 ** 20;

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
    destination,
  );
}

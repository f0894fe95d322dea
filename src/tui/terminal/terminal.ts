import { writeSync } from "node:fs";
import type { Io } from "../../cli/io.ts";
import { createKeyReader, type Input } from "./keys.ts";

/** The terminal while it is ours: another screen, keys as they are pressed. It is given back as it was. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  /** Takes hold of it; again, if others have changed its settings meanwhile. */
  enter(): void;
  /** Gives it back; may be called at any time and more than once. */
  leave(): void;
  setMouse(isOn: boolean): void;
  write(bytes: string): void;
  /** False while earlier bytes have not gone out: a frame would only make it later. */
  readonly isReady: boolean;
}

/** How long a lone Escape may be the beginning of something. */
const ESCAPE_MS = 40;
/** Another screen (1049), no cursor, no wrapping at the edge, pastes marked as such. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h";
const MOUSE_ON = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF = "\x1b[?1006l\x1b[?1000l";
const LEAVE = `\x1b[?2026l${MOUSE_OFF}\x1b[?2004l\x1b[?7h\x1b[m\x1b[?25h\x1b[?1049l`;
const STDOUT_FD = 1;

/** Takes hold of nothing before `enter`. `onInput` gets what is typed, `onResize` is told of a new size. */
export function createTerminal(
  { stdin, stdout }: Pick<Io, "stdin" | "stdout">,
  { onInput, onResize }: { onInput: (input: Input) => void; onResize: () => void },
): Terminal {
  let isOurs = false;
  let hasMouse = false;
  let timer: NodeJS.Timeout | undefined;
  let reader = createKeyReader();
  const hear = (bytes: Buffer | string): void => {
    clearTimeout(timer);
    for (const input of reader.feed(Buffer.from(bytes as Buffer))) onInput(input);
    if (reader.isWaiting) timer = setTimeout(() => reader.release().forEach(onInput), ESCAPE_MS);
  };
  const leave = (): void => {
    if (!isOurs) return;
    isOurs = false;
    clearTimeout(timer);
    process.off("exit", leave);
    stdin.off("data", hear);
    stdin.pause();
    stdout.off("resize", onResize);
    restore(stdin);
  };
  return {
    get columns() {
      return stdout.columns || 80; // Some terminals say 0: they do not know.
    },
    get rows() {
      return stdout.rows || 24;
    },
    get isReady() {
      return stdout.writableLength === 0;
    },
    enter() {
      // Whoever had the terminal in between has changed its settings behind Node's back.
      stdin.setRawMode?.(false);
      stdin.setRawMode?.(true);
      if (!isOurs) {
        isOurs = true;
        reader = createKeyReader();
        process.on("exit", leave);
        stdin.on("data", hear);
        stdin.resume();
        stdout.on("resize", onResize);
      }
      stdout.write(ENTER + (hasMouse ? MOUSE_ON : ""));
    },
    leave,
    setMouse(isOn) {
      if (isOurs && isOn !== hasMouse) stdout.write(isOn ? MOUSE_ON : MOUSE_OFF);
      hasMouse = isOn;
    },
    write: (bytes) => void stdout.write(bytes),
  };
}

/** At once and without a stream: it has to work while the process ends. */
function restore(stdin: Io["stdin"]): void {
  try {
    writeSync(STDOUT_FD, LEAVE);
  } catch {
    // The terminal is gone.
  }
  try {
    stdin.setRawMode?.(false);
  } catch {
    // So is its keyboard.
  }
}

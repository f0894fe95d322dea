import { execFileSync, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { dirname } from "node:path";
import type { OrchHome } from "./orch-home.ts";
import { until } from "./until.ts";

/** Why tests with real terminals cannot run here, or null; with ORCH_REQUIRE=1 it throws instead. */
export function whyNoTerminals(): string | null {
  const why = spawnSync("tmux", ["-V"]).error === undefined ? null : "tmux is not installed";
  if (why !== null && process.env["ORCH_REQUIRE"] === "1") throw new Error(`ORCH_REQUIRE=1, but ${why}`);
  return why;
}

/** A real terminal with a shell in it, whose prompt is "here>" and in which `orch` is the home's. */
export interface Screen {
  /** Types text and presses Enter. */
  enter(line: string): void;
  /** Presses keys by their names in tmux: C-c, Escape, Enter. */
  press(...keys: string[]): void;
  /** What is to be seen, without what scrolled away. */
  text(): string;
  /** The same with its colours, as SGR sequences. */
  painted(): string;
  /** The same with what scrolled away before it. */
  whole(): string;
  isCursorShown(): boolean;
  /** Waits until the screen shows it. */
  shows(what: string | RegExp): Promise<void>;
  resize(columns: number, rows: number): void;
  /** Closes the terminal, as when its window is closed. */
  close(): void;
}

/** Opens a terminal of its own; it ends with the home. */
export async function openScreen(home: OrchHome, columns = 80, rows = 24): Promise<Screen> {
  const session = `s${randomUUID().slice(0, 8)}`;
  const env = {
    ...home.env,
    PATH: `${dirname(home.write("bin/orch", launcher(home.bin), 0o755))}:${home.env["PATH"]}`,
    PS1: "here> ",
    TERM: "xterm-256color",
    TMUX_TMPDIR: home.dir,
  };
  const tmux = (...args: string[]): string =>
    execFileSync("tmux", ["-f", "/dev/null", ...args], { env, encoding: "utf8", timeout: 10_000 });
  tmux("new-session", "-d", "-s", session, "-x", String(columns), "-y", String(rows), "bash", "--norc");
  const text = (): string => tmux("capture-pane", "-p", "-J", "-t", session);
  const screen: Screen = {
    enter(line) {
      tmux("send-keys", "-t", session, "-l", line);
      tmux("send-keys", "-t", session, "Enter");
    },
    press: (...keys) => void tmux("send-keys", "-t", session, ...keys),
    text,
    painted: () => tmux("capture-pane", "-p", "-e", "-t", session),
    whole: () => tmux("capture-pane", "-p", "-J", "-S", "-", "-t", session),
    isCursorShown: () => tmux("display-message", "-p", "-t", session, "#{cursor_flag}").trim() === "1",
    async shows(what) {
      const isSeen = (): boolean => (typeof what === "string" ? text().includes(what) : what.test(text()));
      try {
        await until(`the terminal shows ${what}`, isSeen, 15_000);
      } catch (error) {
        throw new Error(`the terminal does not show ${what}, but:\n${text()}`, { cause: error });
      }
    },
    resize: (newColumns, newRows) =>
      void tmux("resize-window", "-t", session, "-x", String(newColumns), "-y", String(newRows)),
    close: () => void tmux("kill-session", "-t", session),
  };
  await screen.shows(/^here>/m);
  return screen;
}

function launcher(bin: string): string {
  return `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`;
}

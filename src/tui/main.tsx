import { Writable } from "node:stream";
import { render } from "ink";
import type { Io } from "../cli/io.ts";
import type { Client } from "../client/client.ts";
import type { StatusView } from "../protocol/views.ts";
import { App } from "./components/app.tsx";
import { createConductor } from "./conductor.ts";
import { createFeed } from "./feed/feed.ts";
import { createScreen, type Screen } from "./screen.ts";
import { readSettings, writeSettings } from "./settings.ts";
import { firstUi, type Settings, type Ui } from "./state/ui.ts";
import { createCanvas } from "./terminal/canvas.ts";
import { createTerminal, type Terminal } from "./terminal/terminal.ts";
import type { LookOptions, Theme } from "./text/look.ts";

export interface TopRequest {
  readonly io: Io;
  readonly client: Client;
  /** For the first frame; null if the daemon did not give it. */
  readonly status: StatusView | null;
  readonly settingsFile: string;
  /** Instead of what is remembered. */
  readonly theme: Theme | undefined;
  readonly look: Omit<LookOptions, "theme">;
  readonly isReadOnly: boolean;
  readonly intervalMs: number;
  /** Ends the screen: nobody reads it any more. */
  readonly signal: AbortSignal;
}

/**
 * Shows the daemon's state on the whole terminal until it is left; resolves with the exit code. The terminal is as it was
 * afterwards, whatever ended it. Rejects with what went wrong in here.
 */
export async function runTop(request: TopRequest): Promise<number> {
  const { io, client, settingsFile } = request;
  const { settings, note } = readSettings(settingsFile);
  const remembered = { ...settings, ...(request.theme === undefined ? {} : { theme: request.theme }) };
  const ui: Ui = { ...firstUi(remembered), message: note === null ? null : { text: note, role: "warn" } };
  const terminal = createTerminal(io, {
    onInput: (input) => screen.onInput(input),
    onResize: () => screen.redraw(),
  });
  const wish = {
    view: ui.view,
    queue: ui.queue,
    finished: ui.finished,
    rows: terminal.rows * 3,
    runtime: null,
    detail: null,
  };
  const feed = createFeed({
    client,
    clock: io.clock,
    wish,
    status: request.status,
    intervalMs: request.intervalMs,
  });
  const screen: Screen = createScreen({
    feed,
    canvas: createCanvas(terminal.columns, terminal.rows),
    terminal,
    ui,
    isReadOnly: request.isReadOnly,
    look: request.look,
    monotonicMs: io.clock.monotonicMs,
    onOrder: (order) => conductor.obey(order),
  });
  const conductor = createConductor({ ...request, feed, screen, terminal });
  terminal.setMouse(ui.hasMouse);
  terminal.enter();
  // Ink gets a sheet of its own to write on: what it would draw is on the canvas already.
  const ink = render(<App screen={screen} />, {
    stdout: new Sheet(terminal) as unknown as NodeJS.WriteStream,
    stdin: io.stdin as NodeJS.ReadStream,
    maxFps: 1,
    patchConsole: false,
    exitOnCtrlC: false,
  });
  try {
    return await Promise.race([conductor.ended, ink.waitUntilExit().then(() => 0)]);
  } finally {
    feed.stop();
    conductor.close();
    ink.unmount();
    terminal.leave();
    keep(settingsFile, remembered, screen.ui(), io);
  }
}

/** What was changed on the screen is remembered; a theme that was asked for just this once is not. */
function keep(
  file: string,
  before: Partial<Settings>,
  { sorts, hasMouse, theme, isZoomed, pane }: Ui,
  io: Io,
): void {
  const now: Settings = { sorts, hasMouse, theme, isZoomed, pane };
  if (JSON.stringify({ ...firstUi(before), ...now }) === JSON.stringify(firstUi(before))) return;
  const problem = writeSettings(file, now);
  if (problem !== null) io.stderr.write(`${problem}\n`);
}

/** Takes whatever Ink writes, and is as wide as the terminal: that is all Ink has to know of it. */
class Sheet extends Writable {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    super();
    this.#terminal = terminal;
  }

  get columns(): number {
    return this.#terminal.columns;
  }

  get rows(): number {
    return this.#terminal.rows;
  }

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

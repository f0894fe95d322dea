import type { Terminal } from "./terminal.ts";

/** Whoever draws on the terminal. */
export interface Drawer {
  /** No frames while the terminal is somebody else's. */
  pause(isPaused: boolean): void;
  redraw(): void;
}

/** How the terminal is given to others for a while. */
export interface Loan {
  /** Gives it away until `use` is done. */
  lend(use: () => Promise<void>): Promise<void>;
  /** Stops this process and its job, as the terminal's own Ctrl-Z would; goes on when the shell continues it. */
  suspend(): void;
  /** It is ours again, whatever others have done to it. */
  takeBack(): void;
  readonly isLent: boolean;
  close(): void;
}

/** Obeys SIGTSTP until `close`. */
export function createLoan(terminal: Terminal, drawer: Drawer): Loan {
  let isLent = false;
  const giveAway = (): void => {
    drawer.pause(true);
    terminal.leave();
  };
  const takeBack = (): void => {
    if (isLent) return;
    terminal.enter();
    drawer.pause(false);
    drawer.redraw();
  };
  const suspend = (): void => {
    if (isLent) return;
    giveAway();
    process.off("SIGTSTP", suspend);
    // The group: a script around us is to stop, too. Here again once the shell has put us into the foreground.
    process.kill(0, "SIGTSTP");
    setImmediate(() => {
      process.on("SIGTSTP", suspend);
      takeBack();
    });
  };
  process.on("SIGTSTP", suspend);
  return {
    async lend(use) {
      giveAway();
      isLent = true;
      try {
        await use();
      } finally {
        isLent = false;
        takeBack();
      }
    },
    suspend,
    takeBack,
    get isLent() {
      return isLent;
    },
    close: () => void process.off("SIGTSTP", suspend),
  };
}

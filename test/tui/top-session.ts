import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { OrchHome } from "../kit/orch-home.ts";
import { openScreen, type Screen } from "../kit/tmux.ts";
import { until } from "../kit/until.ts";

/** What is different in a terminal from before a program ran there. */
export interface LeftBehind {
  /** "same", or not. */
  readonly settings: string;
  /** Lines of the screen and of what scrolled away that are gone. */
  readonly lost: readonly string[];
  readonly isCursorShown: boolean;
}

/** What a terminal has that was left in order. */
export const inOrder: LeftBehind = { settings: "same", lost: [], isCursorShown: true };

/** A terminal in which `orch top` runs. */
export interface TopSession extends Screen {
  /** Waits for the shell and says what differs from before. */
  leftBehind(): Promise<LeftBehind>;
  /** Of the program in the terminal. */
  readonly pid: number;
}

/** Terminals so far: keeps their files apart. */
let opened = 0;

/** Opens a terminal with something in its scroll-back and runs `orch top` there. `after` is run behind it. */
export async function openTop(
  home: OrchHome,
  args = "",
  { columns = 80, rows = 24, env = "", after = "" } = {},
): Promise<TopSession> {
  const screen = await openScreen(home, columns, rows);
  screen.enter("cd; for i in $(seq 40); do echo scrolled-$i; done");
  await screen.shows(columns < 20 ? "" : "scrolled-40");
  opened += 1;
  const files = { settings: `stty-${opened}`, pid: `pid-${opened}` };
  screen.enter(`clear -x; stty -a > ${files.settings}; echo kept-line`);
  await screen.shows(/^kept-line$/m);
  const before = [...screen.text().split("\n"), "scrolled-1", "scrolled-40"].map((line) => line.trim());
  screen.enter(`${env} sh -c 'echo $$ > ${files.pid}; exec orch top ${args}' ${after}`);
  await screen.shows(/[●*] live/);
  let looks = 0;
  return {
    ...screen,
    pid: Number(readFileSync(join(home.dir, files.pid), "utf8")),
    async leftBehind() {
      await until("the shell is back", () => screen.text().includes("kept-line"));
      looks += 1;
      const ending = new RegExp(`^(same|other)-${looks}$`, "m");
      screen.enter(`stty -a | cmp -s - ${files.settings} && echo same-${looks} || echo other-${looks}`);
      await screen.shows(ending);
      const whole = screen.whole();
      return {
        settings: ending.exec(screen.text())?.[1] ?? "",
        lost: before.filter((line) => !whole.includes(line)),
        isCursorShown: screen.isCursorShown(),
      };
    },
  };
}

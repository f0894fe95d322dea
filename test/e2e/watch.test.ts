import { describe, expect, it } from "vitest";
import { openScreen, whyNoTerminals } from "../kit/tmux.ts";
import { runDetached, useOrch } from "./session.ts";

const createHome = useOrch();
const why = whyNoTerminals();

describe.skipIf(why !== null)(`orch ls --watch${why === null ? "" : ` (${why})`}`, () => {
  it("draws in place: one table, nothing of what scrolled away is lost, and Ctrl-C ends it", async () => {
    await using home = createHome();
    await home.daemon();
    const screen = await openScreen(home, 70, 12);
    screen.enter("seq -f 'before-%g' 1 40; orch ls -a --watch 1");
    await screen.shows("no jobs");
    for (const label of ["first 漢字", "second", "third"]) {
      await runDetached(home, "--label", label, "--", "true");
      await screen.shows(new RegExp(`succeeded .*${label}`));
    }
    const tables = (): number => screen.whole().split("RUNTIME").length - 1;
    expect(tables()).toBe(1);
    expect(screen.whole()).toMatch(/^before-1$/m);
    expect(screen.isCursorShown()).toBe(false);
    // A second is left until the next frame: tmux breaks the lines at once and tells of its new size a moment later.
    screen.resize(34, 12);
    await screen.shows(/^ID +STATE +TIME +JOB$/m);
    await screen.shows(/^ 1 +succeeded +\S+ \S+ +first 漢…?/m);
    expect(tables(), screen.whole()).toBe(0);
    expect(screen.whole().split("succeeded").length - 1).toBe(3);
    screen.press("C-c");
    await screen.shows(/^here> *$/m);
    screen.enter("echo code=$?");
    await screen.shows("code=130");
    expect(screen.isCursorShown()).toBe(true);
    expect(screen.whole()).toMatch(/^before-1$/m);
  });
});

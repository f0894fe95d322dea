import { describe, expect, it } from "vitest";
import { openScreen, whyNoTerminals } from "../kit/tmux.ts";
import { runDetached, untilOver, useOrch } from "./session.ts";

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

  it("stays one table when the terminal is resized at any moment, before it tells of its size or after", async () => {
    await using home = createHome();
    await home.daemon();
    const screen = await openScreen(home, 70, 44);
    for (const label of ["first 漢字", "second", "third"])
      await untilOver(home, await runDetached(home, "--label", label, "--", "true"));
    screen.enter("seq -f 'before-%g' 1 60; orch ls -a --watch 0.1");
    await screen.shows(/RUNTIME/);
    // Each time the terminal pushes the table up by the lines that it broke: as often as there is room for.
    for (let round = 0; round < 8; round++) {
      screen.resize(34 + (round % 5), 44);
      screen.resize(70, 44);
    }
    await screen.shows(/^ID +RUNTIME +STATE /m);
    screen.press("C-c");
    await screen.shows(/^here> *$/m);
    const whole = screen.whole();
    expect([whole.split("STATE").length - 1, whole.split("succeeded").length - 1], whole).toEqual([1, 3]);
    expect(whole.match(/^before-\d+$/gm), whole).toHaveLength(60);
  });

  it("makes way for the shell on Ctrl-Z, and goes on below it", async () => {
    await using home = createHome();
    await home.daemon();
    const screen = await openScreen(home, 70, 20);
    screen.enter("seq -f 'before-%g' 1 3; orch gpus --watch 0.1");
    await screen.shows(/^GPU +/m);
    screen.press("C-z");
    await screen.shows(/Stopped.*\nhere> *$/m);
    expect(screen.isCursorShown()).toBe(true);
    expect(screen.text()).toMatch(/^before-3\nGPU .* HEALTH\n +0 .*\n(\n|\^Z\n)?\[1\]/m);
    screen.enter("clear; echo still-here");
    await screen.shows(/^still-here$/m);
    screen.enter("fg");
    await screen.shows(/still-here[\s\S]*watch 0\.1\nGPU +/);
    screen.press("C-c");
    await screen.shows(/^here> *$/m);
    expect(screen.text().split("HEALTH").length - 1).toBe(1);
  });
});

import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { whyNoTerminals } from "../kit/tmux.ts";
import { inOrder, openTop } from "./top-session.ts";

const why = whyNoTerminals();
const home = useOrch();

describe.skipIf(why !== null)(`the terminal is given back${why === null ? "" : ` (${why})`}`, () => {
  it("after signals, Ctrl-C, and a fault in the program, which is told", async () => {
    await using here = home();
    await here.daemon();
    const crash = here.write("crash.cjs", 'process.on("SIGUSR2", () => { throw new Error("planted"); });\n');
    const endings = [
      ["SIGTERM", 143],
      ["SIGHUP", 129],
      ["SIGINT", 130],
      ["SIGUSR2", 125],
      ["C-c", 0],
    ] as const;
    await Promise.all(
      endings.map(async ([how, code]) => {
        const env = how === "SIGUSR2" ? `NODE_OPTIONS="--require ${crash}"` : "";
        const top = await openTop(here, "", { after: "; echo ended-$?", env });
        top.press("m");
        await top.shows(/mouse (on|off)/);
        if (how === "C-c") top.press(how);
        else process.kill(top.pid, how);
        await top.shows(`ended-${code}`);
        if (how === "SIGUSR2") await top.shows("planted");
        expect(await top.leftBehind()).toEqual(inOrder);
      }),
    );
  });

  it.each(["C-z", "SIGTSTP"])("while it is stopped by %s, and taken again by fg", async (how) => {
    await using here = home();
    await here.daemon();
    const top = await openTop(here);
    if (how === "C-z") top.press("C-z");
    else process.kill(top.pid, "SIGTSTP");
    await top.shows("Stopped");
    expect(await top.leftBehind()).toEqual(inOrder);
    top.enter("fg");
    await top.shows(/● live/);
    top.press("?");
    await top.shows("draw anew");
    top.press("q", "q");
    expect(await top.leftBehind()).toEqual(inOrder);
  });
});

describe.skipIf(why !== null)(`without the daemon${why === null ? "" : ` (${why})`}`, () => {
  it("keeps what it knew in grey, starts none, and is back with the next one", async () => {
    await using here = home({ ORCH_GPUS: "virtual:2x8GiB" });
    const daemon = await here.daemon();
    const top = await openTop(here, "", { columns: 100 });
    await top.shows("virtual 8 GiB");
    await daemon.kill();
    await top.shows("daemon lost");
    await top.shows(/lost for \d+s: no daemon listens.*orch up/);
    expect(top.text()).toContain("virtual 8 GiB");
    top.press(":", ..."ls", "Enter");
    await top.shows("no daemon listens");
    expect(here.programs()).toEqual([]);
    await here.daemon();
    await top.shows(/● live/);
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { openScreen, type Screen, whyNoTerminals } from "../kit/tmux.ts";
import { until } from "../kit/until.ts";
import { query, runDetached, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();
const why = whyNoTerminals();
const SHELL = "env PS1='job> ' bash --norc";

/** Runs an interactive shell as job 1 in a screen of its own. */
async function openShell(home: OrchHome, flags = ""): Promise<Screen> {
  const screen = await openScreen(home);
  screen.enter(`orch run --pty ${flags} -- ${SHELL}`);
  await screen.shows(/^job>/m);
  return screen;
}

async function backHome(screen: Screen): Promise<void> {
  await screen.shows(/^here> *$/m);
  screen.enter("echo code=$? $(stty -a | grep -o '.icanon')");
  await screen.shows(/code=\d+ icanon/);
}

describe.skipIf(why !== null)(`orch run --pty${why === null ? "" : ` (${why})`}`, () => {
  it("shows a prompt, takes keys, follows the size, passes the exit code on and gives the terminal back", async () => {
    await using home = createHome();
    await home.daemon();
    const screen = await openShell(home);
    screen.enter("test -t 0 && test -t 1 && echo size=$(stty size)");
    await screen.shows("size=24 80");
    screen.resize(100, 30);
    // The shell hears of the new size a moment later.
    let looks = 0;
    await until("the job sees the new size", async () => {
      looks += 1;
      screen.enter(`clear; echo look-${looks} size=$(stty size)`);
      await screen.shows(new RegExp(`^look-${looks} size=\\d`, "m"));
      return screen.text().includes("size=30 100");
    });
    screen.press("C-c");
    screen.enter("exit 7");
    await screen.shows("job 1 ended with exit code 7");
    await screen.shows(/^here> *$/m);
    screen.enter("echo code=$? $(stty -a | grep -o '.icanon')");
    await screen.shows("code=7 icanon");
    expect(await untilOver(home, 1)).toMatchObject({ state: "failed", exitCode: 7 });
    expect(home.programs()).toEqual([]);
    expect(readFileSync((await home.client.call("GET /jobs/:job", { job: 1 })).logPath, "utf8")).toContain(
      "size=30 100",
    );
  });

  it("detach keys leave it running, and attach shows what was there", async () => {
    await using home = createHome();
    await home.daemon();
    const screen = await openShell(home);
    screen.enter("echo mark-$((40+2))");
    await screen.shows("mark-42");
    screen.press("C-p", "C-q");
    await screen.shows("detached from job 1");
    screen.enter("clear");
    await backHome(screen);
    expect((await untilState(home, 1, "running")).state).toBe("running");
    screen.enter("clear; orch attach 1 --detach-keys 'ctrl-\\,x'");
    await screen.shows("mark-42");
    screen.press("C-\\", "x");
    await screen.shows("detached from job 1");
    expect((await home.orch(["cancel", "1"])).code).toBe(0);
    await untilOver(home, 1);
  });

  it("orch show says that it has one, and how to come to it", async () => {
    await using home = createHome();
    await home.daemon();
    const script = "echo up; read line; exit 0";
    const job = await runDetached(home, "--pty", "--", "sh", "-c", script);
    await untilState(home, job, "running");
    const terminal = async (): Promise<string | undefined> =>
      /^terminal +(.*)$/m.exec((await home.orch(["show", String(job)])).stdout)?.[1];
    expect(await terminal()).toBe(`orch attach ${job}`);
    expect((await home.orch(["attach", String(job)], { input: "\n" })).code).toBe(0);
    expect(await terminal()).toBe(`it was in one; what was on it: orch logs ${job}`);
    const plain = await runDetached(home, "--", "true");
    expect(await home.client.call("GET /jobs/:job", { job: plain })).toMatchObject({ terminal: false });
    expect((await home.orch(["show", String(plain)])).stdout).not.toMatch(/^terminal/m);
  });

  it("one detach key alone goes to the program after a moment, and so do both with a pause between", async () => {
    await using home = createHome();
    await home.daemon();
    const screen = await openScreen(home);
    const script =
      "import tty, os; tty.setraw(0); print('ready'); [print('got', os.read(0, 1)[0]) for _ in '12']";
    screen.enter(`orch run --pty -- python3 -uc "${script}"`);
    await screen.shows(/^ready/m);
    screen.press("C-p");
    await screen.shows("got 16");
    screen.press("C-q");
    await screen.shows("got 17");
    expect((await untilOver(home, 1)).state).toBe("succeeded");
  });

  it("two viewers see the same, the one that looks only types nothing, and a late one sees a full screen", async () => {
    await using home = createHome();
    await home.daemon();
    const first = await openShell(home);
    const second = await openScreen(home, 100, 40);
    second.enter("orch attach 1 --read-only");
    await second.shows(/^job>/m);
    second.enter("echo typed-by-$((1+1))");
    first.enter("echo size=$(stty size)");
    // A viewer that only looks does not decide the size.
    await second.shows("size=24 80");
    expect(first.text()).not.toContain("typed-by");
    first.enter("printf '\\033[?1049h\\033[H\\033[2Jfull-%s' screen; read x; printf '\\033[?1049l'");
    await first.shows("full-screen");
    await second.shows("full-screen");
    const third = await openScreen(home);
    third.enter("orch attach 1");
    await third.shows(/^full-screen/);
    third.press("C-p", "C-q");
    await third.shows("detached");
    await third.shows("orch attach 1\n"); // The screen from before is back.
    second.press("C-c");
    await second.shows("detached");
    first.enter("");
    first.enter("exit");
    await backHome(first);
  });
});

describe.skipIf(why !== null)(`a terminal whose job is in trouble${why === null ? "" : ` (${why})`}`, () => {
  it("does not notice that the daemon is killed and started again", async () => {
    await using home = createHome();
    const daemon = await home.daemon();
    const screen = await openShell(home);
    await daemon.kill();
    screen.enter("echo alone-$((1+1))");
    await screen.shows("alone-2");
    await home.daemon();
    screen.enter("echo again-$((1+1))");
    await screen.shows("again-2");
    expect((await untilState(home, 1, "running")).attempts).toBe(1);
    screen.enter("exit 5");
    await screen.shows("exit code 5");
    expect(await untilOver(home, 1)).toMatchObject({ state: "failed", exitCode: 5, attempts: 1 });
  });

  it("ends at once when the job is cancelled, though shells ignore SIGTERM", async () => {
    await using home = createHome();
    await home.daemon();
    const screen = await openShell(home);
    const began = performance.now();
    expect((await home.orch(["cancel", "1"])).code).toBe(0);
    await screen.shows("job 1 cancelled");
    expect((await untilOver(home, 1)).state).toBe("cancelled");
    // Ten seconds are the grace after which it would be killed.
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(home.programs()).toEqual([]);
    screen.enter("clear");
    await backHome(screen);
  });

  it("takes the program with it when its holder is killed", async () => {
    await using home = createHome();
    await home.daemon();
    const screen = await openShell(home);
    screen.enter("sleep 1000");
    await screen.shows("sleep 1000");
    const holder = home
      .programs()
      .find((pid) => readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith(process.execPath));
    process.kill(holder ?? 0, "SIGKILL");
    await screen.shows("ended by SIGKILL");
    expect(await untilOver(home, 1)).toMatchObject({ state: "failed", exitCode: 137 });
    expect(home.programs()).toEqual([]);
    screen.enter("clear");
    await backHome(screen);
  });

  it("lives on when the window of its viewer is closed", async () => {
    await using home = createHome();
    await home.daemon();
    const screen = await openShell(home);
    screen.enter("echo before-$((1+1))");
    await screen.shows("before-2");
    screen.close();
    const other = await openScreen(home);
    other.enter("orch attach 1");
    await other.shows("before-2");
    other.enter("exit");
    expect((await untilOver(home, 1)).state).toBe("succeeded");
  });
});

describe.skipIf(why !== null)(`orch shell${why === null ? "" : ` (${why})`}`, () => {
  const live = (home: OrchHome) => query(home, "SELECT 1 FROM leases WHERE released_at IS NULL").length;

  it("holds a GPU until it ends; who waits behind it is told, and Ctrl-C gives up", async () => {
    await using home = createHome({ SHELL: "/bin/sh" });
    await home.daemon();
    const screen = await openScreen(home);
    screen.enter("PS1='gpu> ' orch shell");
    await screen.shows(/^gpu>/m);
    await screen.shows("the lease ends with the shell, or 10m 00s after its terminal is lost");
    screen.enter("echo sees=$CUDA_VISIBLE_DEVICES");
    await screen.shows(/sees=\S+/);
    expect(live(home)).toBe(1);
    const second = await openScreen(home);
    second.enter("orch shell");
    await second.shows(/job 2 queued \(.+\)/);
    second.press("C-c");
    await second.shows("cancelling job 2");
    expect(second.whole().match(/job 2 queued/g)).toHaveLength(1);
    expect((await untilOver(home, 2)).state).toBe("cancelled");
    screen.enter("exit");
    expect((await untilOver(home, 1)).state).toBe("succeeded");
    await until("the lease is given back", () => live(home) === 0);
  });

  it("ends some time after its terminal was lost, but not after the detach keys", async () => {
    await using home = createHome();
    await home.daemon();
    const kept = await openScreen(home);
    kept.enter(`orch shell --gpus 0 --leave-after 300ms -- ${SHELL}`);
    await kept.shows(/^job>/m);
    kept.press("C-p", "C-q");
    await kept.shows("detached");
    const lost = await openScreen(home);
    lost.enter(`orch shell --gpus 0 --leave-after 300ms -- ${SHELL}`);
    await lost.shows(/^job>/m);
    lost.close();
    const over = await untilOver(home, 2);
    expect(readFileSync(over.logPath, "utf8")).toContain("nobody has been attached");
    expect((await untilState(home, 1, "running")).state).toBe("running");
    expect(await runDetached(home, "--pty", "--", "true")).toBe(3);
  });
});

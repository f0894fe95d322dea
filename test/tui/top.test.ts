import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runDetached, untilOver, untilState, useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { whyNoTerminals } from "../kit/tmux.ts";
import { until } from "../kit/until.ts";
import { inOrder, openTop, type TopSession } from "./top-session.ts";

const why = whyNoTerminals();
const home = useOrch();

/** Two virtual GPUs, one job that runs, one that waits for both and one that is held. */
async function busyHome(): Promise<OrchHome & { jobs: readonly number[] }> {
  const here = home({ ORCH_GPUS: "virtual:2x8GiB" });
  await here.daemon();
  const runs = await runDetached(here, "--gpus", "1", "--label", "runs-now", "--", "sleep", "600");
  await untilState(here, runs, "running");
  const waits = await runDetached(here, "--gpus", "2", "--label", "waits 你好 \u001b[31mred", "--", "true");
  const held = await runDetached(here, "--hold", "--label", "is-held", "--", "true");
  return Object.assign(here, { jobs: [runs, waits, held] });
}

/** The jobs that are to be seen, and which of them the cursor is on: what a key that moves changes, and the clock does not. */
function jobsSeen(top: TopSession): string {
  const lines = top.painted().split("\n");
  return lines
    .flatMap((line) => (line.includes(" run ") ? line.slice(0, line.indexOf(" run ")) : []))
    .join("\n");
}

/** Presses a key again and again until the screen shows it, each time only when the screen has answered the last one. */
async function pressUntil(top: TopSession, key: string, seen: RegExp): Promise<void> {
  await until(
    `${key} brings ${seen}`,
    async () => {
      if (seen.test(top.text())) return true;
      const before = jobsSeen(top);
      top.press(key);
      // At an end of what is there of a long list it moves nothing, and is pressed again when more may have come.
      await until("the cursor moves", () => jobsSeen(top) !== before, 2_000).catch(() => {});
      return false;
    },
    60_000,
  );
}

describe.skipIf(why !== null)(`orch top in a terminal${why === null ? "" : ` (${why})`}`, () => {
  it("shows all of it on terminals of all sizes, and leaves them as they were", async () => {
    await using here = await busyHome();
    const sizes = [
      [80, 24],
      [120, 40],
      [200, 60],
      [250, 70],
    ] as const;
    await Promise.all(
      sizes.map(async ([columns, rows]) => {
        const top = await openTop(here, "", { columns, rows });
        await top.shows("runs-now");
        await top.shows("waits 你好 red");
        await top.shows(/gpu-(busy|reserved)/);
        const lines = top.text().split("\n");
        expect(lines[0]).toMatch(/orch top .* 1 running +1 queued +1 held/);
        for (const pane of ["GPUs", "Workers", "Running", "Queue"]) expect(top.text()).toContain(pane);
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
        // The last row stays free: a terminal scrolls when its last cell is written.
        expect(lines[rows - 1] ?? "").toBe("");
        expect(lines[rows - 2]).toContain("help");
        top.press("q");
        expect(await top.leftBehind()).toEqual(inOrder);
      }),
    );
  });

  it("follows what happens, and the size of the terminal", async () => {
    await using here = await busyHome();
    const top = await openTop(here);
    const [runs = 0] = here.jobs;
    await here.orch(["cancel", String(runs)]);
    await top.shows("nothing runs");
    for (const [columns, rows] of [
      [60, 16],
      [180, 50],
      [100, 30],
      [20, 6],
      [80, 24],
    ] as const) {
      top.resize(columns, rows);
      await until(`all of ${columns} x ${rows} is drawn`, () => {
        const lines = top.text().split("\n");
        return rows < 10 || (lines[0]?.includes("live") && lines[rows - 2]?.includes("help"));
      });
    }
    await top.shows("is-held");
  });

  it("does to jobs what keys say, and asks before it cancels", async () => {
    await using here = await busyHome();
    const [runs = 0, waits = 0, held = 0] = here.jobs;
    const top = await openTop(here, "", { columns: 120, rows: 40 });
    await top.shows("waits 你好");
    top.press("+");
    await top.shows("priority 1");
    top.press("/", "i", "s", "-", "h", "Enter");
    await top.shows(/Queue, next first 1 of 2/);
    top.press("h");
    await untilOver(here, held);
    top.press("Escape", "3", "c");
    await top.shows(`cancel job ${runs}? y/N`);
    top.press("n");
    await top.shows("nothing was done");
    expect((await here.client.call("GET /jobs/:job", { job: runs })).state).toBe("running");
    top.press("c", "y");
    await untilOver(here, runs);
    expect((await untilOver(here, waits)).priority).toBe(1);
    // The finished ones, and one of them once more.
    top.press("H");
    await top.shows("runs-now");
    await top.shows("cancelled");
    top.press("r");
    await top.shows(/job \d+ (queued|starting|running|succeeded)/);
  });

  it("goes through a long queue, and by the mouse", async () => {
    await using here = home({ ORCH_GPUS: "virtual:1x1GiB" });
    await here.daemon();
    await here.orch(["run", "-q", "-d", "--hold", "--array", "1-800", "--", "echo", "{index}"]);
    const top = await openTop(here, "", { columns: 120, rows: 40 });
    await top.shows(/Queue, oldest first +1-\d+ of 800/);
    top.press("z", "G");
    await top.shows(/^ +800 run/m);
    await top.shows(/Queue, oldest first +800 /);
    // Page by page to the beginning again, further than any window reaches.
    await pressUntil(top, "PageUp", /^ +1 run/m);
    await pressUntil(top, "PageDown", /^ +3\d\d run/m);
    top.press("g", "z", "m");
    await top.shows("mouse on");
    // A press with the left button onto the pane of GPUs, in the 2nd row of the screen.
    top.press("\u001b[<0;5;2M");
    top.press("Enter");
    await top.shows("there are no details of this");
  });

  it("shows details with the log as it grows, and runs command lines", async () => {
    await using here = home({ ORCH_GPUS: "virtual:1x1GiB" });
    await here.daemon();
    const script =
      "echo -e 'first \\033[31mline'; while [ ! -e go ]; do sleep 0.05; done; echo later-line; sleep 600";
    const job = await runDetached(here, "--label", "talks", "--", "bash", "-c", script);
    const top = await openTop(here, "", { columns: 120, rows: 40 });
    await top.shows("talks");
    top.press("3", "Enter");
    await top.shows(/^first line *$/m);
    await top.shows("job-submitted");
    here.write("go", "");
    await top.shows("later-line");
    top.press("l");
    await top.shows(`Job ${job}: log`);
    top.press("Escape", ":");
    top.press(..."why", "Space", ...String(job), "Enter");
    await top.shows(`orch why ${job}`);
    await top.shows(/^job +\d+ running/m);
    top.press("Escape", ":", ..."cancel", "Space", ...String(job), "Enter");
    await untilOver(here, job);
    top.press(":", ..."nonsense", "Enter");
    await top.shows('unknown command "nonsense"');
    top.press("Escape", ":", "q", "Enter");
    expect(await top.leftBehind()).toEqual(inOrder);
  });

  it("attaches to a job's terminal and comes back", async () => {
    await using here = home({ ORCH_GPUS: "virtual:1x1GiB" });
    await here.daemon();
    const job = await runDetached(
      here,
      "--pty",
      "--label",
      "terminal",
      "--",
      "bash",
      "--norc",
      "-c",
      "read -p 'say: ' it; echo heard $it; sleep 600",
    );
    await untilState(here, job, "running");
    const top = await openTop(here);
    await top.shows("terminal");
    top.press("3", "a");
    await top.shows("say:");
    top.press("h", "i", "Enter");
    await top.shows("heard hi");
    top.press("C-p", "C-q");
    await top.shows(/● live/);
    top.press("q");
    expect(await top.leftBehind()).toEqual(inOrder);
  });

  it("shows users and help, in ASCII and without colours where that is wanted", async () => {
    await using here = await busyHome();
    const top = await openTop(here, "--ascii", { env: "NO_COLOR=1", rows: 40 });
    top.press("u");
    await top.shows("user:");
    top.press("?");
    await top.shows("switch the GPU to another runtime");
    top.press("Escape", "Escape");
    await top.shows("Queue");
    expect(top.text()).toMatch(/^[\x20-\x7e\n]*$/);
    expect(top.painted()).not.toMatch(/\[[\d;]*(3[0-7]|4[0-7]|38|48)[;m]/);
  });

  it("paints in colours otherwise, and remembers theme and order", async () => {
    await using here = await busyHome();
    const top = await openTop(here, "", { columns: 120 });
    expect(top.painted()).toMatch(/\[[\d;]*38;5;\d+/);
    top.press("o", "T", "T");
    await until("the screen is without colours", () => !top.painted().includes("38;5;"));
    top.press("q");
    await top.leftBehind();
    const file = join(here.dir, "state", "top.json");
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
      theme: "mono",
      sorts: { queue: { title: "ID" } },
    });
    writeFileSync(file, "{ broken");
    top.enter("clear; orch top");
    await top.shows("settings are passed over");
  });

  it("--readonly changes nothing", async () => {
    await using here = await busyHome();
    const top = await openTop(here, "--readonly", { columns: 120 });
    await top.shows("read-only");
    await top.shows("runs-now");
    top.press("3", "c");
    await top.shows("this screen is read-only");
    top.press(":", ..."cancel", "Space", "1", "Enter");
    await top.shows("read-only (--readonly): cancel 1");
    top.press(":", ..."ls", "Enter");
    await top.shows("orch ls");
  });
});

describe("orch top where there is no terminal", () => {
  it("prints text once, and one document with --json", async () => {
    await using here = await busyHome();
    const { code, stdout, stderr } = await here.orch(["top"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toContain("\u001b");
    for (const part of ["virtual 8 GiB", "runs-now", "is-held"]) expect(stdout).toContain(part);
    const json = JSON.parse((await here.orch(["top", "--json"])).stdout) as {
      total: number;
      jobs: unknown[];
    };
    expect(json).toMatchObject({ total: 3, status: { gpus: [{ index: 0 }, { index: 1 }] } });
  });

  it("starts no daemon, and refuses what makes no sense", async () => {
    await using here = home();
    expect(await here.orch(["top"])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("try: orch up"),
    });
    expect(await here.orch(["top", "--theme", "pink"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("dark, light, mono"),
    });
    expect(await here.orch(["top", "--interval", "1ms"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("100ms to 1h"),
    });
    expect(here.programs()).toEqual([]);
  });
});

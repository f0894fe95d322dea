import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { openScreen, whyNoTerminals } from "../kit/tmux.ts";
import { addResidents, addRuntime } from "./runtimes.ts";
import { runDetached, submit, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();
const why = whyNoTerminals();

const STEPS = `
import json, os, time
def say(done):
    with open(os.environ["ORCH_EVENTS"], "a") as events:
        events.write(json.dumps({"type": "progress", "fraction": done / 10, "text": "step %d/10" % done}) + "\\n")
def wait(name):
    while not os.path.exists(name): time.sleep(0.02)
say(1)
time.sleep(0.7)
say(3)
wait("half")
say(5)
wait("go")
`;

/** A home with two models that do not fit together, and a program that says how far it is. */
async function createHost(): Promise<OrchHome> {
  const home = createHome();
  addResidents(home);
  addRuntime(home, "steps", ["python3", "-c", STEPS], { protocol: "exec" });
  await home.daemon();
  return home;
}

describe.skipIf(why !== null)(`on a terminal${why === null ? "" : ` (${why})`}`, () => {
  it("submit --wait tells in one line why it waits, what is switched, and then how far it is", async () => {
    await using home = await createHost();
    const first = await runDetached(
      home,
      "--gpus",
      "1",
      "--",
      "sh",
      "-c",
      "while [ ! -e go ]; do sleep 0.02; done",
    );
    await untilState(home, first, "running");
    const screen = await openScreen(home, 120);
    screen.enter("orch submit right --tag done --ms 4000 --wait");
    await screen.shows(/^job 2: next in its lane · GPU 0 is held by run-1 \(running job 1\).* · \d/m);
    home.write("go", "");
    await screen.shows(/^job 2 running on right-\d, \d/m);
    await screen.shows(/^ {2}"tag": "done"$/m);
    await screen.shows(/^here> *$/m);
    expect(screen.text(), "the line is gone").not.toContain("job 2");
  });

  it("submit --wait shows the job's own progress with its rate and what is left", async () => {
    await using home = await createHost();
    const screen = await openScreen(home, 120);
    screen.enter("orch submit steps --wait; echo code=$?");
    await screen.shows(/^job 1 \[######-{14}\] {2}30% step 3\/10, [\d.]+\/s, [\d.]+ (s|min) left$/m);
    home.write("runtimes/steps/half", "");
    await screen.shows("50% step 5/10");
    home.write("runtimes/steps/go", "");
    await screen.shows("code=0");
    expect(screen.text(), "the line is gone").not.toContain("step 5");
  });

  it("workers switch keeps a line for each phase and one for what goes on", async () => {
    await using home = await createHost();
    const job = await submit(home, "left", "--ms", "60000");
    await untilState(home, job, "running");
    const screen = await openScreen(home, 120);
    screen.enter("orch workers switch right; echo code=$?");
    await screen.shows(/^drain +.* left-1 finishes 1 running job\(s\), then stops \(evicted\)$/m);
    await home.client.call("POST /jobs/:job/cancel", { job });
    await screen.shows("code=0");
    expect(screen.text()).toMatch(
      /^drain +[\d.]+ m?s {2}left-1\nstop +\d+ ms {2}left-1\n(.*right-2\n)+ready +.* right-2\ncode=0$/m,
    );
  });

  it("prune asks, and removes nothing unless the answer is yes", async () => {
    await using home = await createHost();
    const job = await runDetached(home, "--", "echo", "hi");
    const { logPath } = await untilOver(home, job);
    await untilOver(home, await runDetached(home, "--", "true"));
    const screen = await openScreen(home, 120);
    for (const [answer, isThere] of [
      ["", true],
      ["no", true],
      ["y", false],
    ] as const) {
      screen.enter("clear; orch prune --older-than 0s; echo code=$?");
      await screen.shows(/^Remove 1 job with [\d.]+ KiB of files, which ended before .* UTC\? \[y\/N\]/m);
      screen.enter(answer);
      await screen.shows(
        isThere ? "nothing is removed\ncode=1" : /^1 job with [\d.]+ KiB of files removed\ncode=0$/m,
      );
      expect(existsSync(logPath), `after ${JSON.stringify(answer)}`).toBe(isThere);
    }
  });

  it("edit gives the terminal to the editor", async () => {
    await using home = await createHost();
    const job = await runDetached(home, "--hold", "--", "true");
    const editor = home.write(
      "ask",
      `#!/bin/sh\nprintf 'retries? '; read -r retries; sed -i "s/^retries: 0/retries: $retries/" "$1"\n`,
      0o755,
    );
    const screen = await openScreen(home);
    screen.enter(`EDITOR=${editor} orch edit ${job}`);
    await screen.shows("retries? ");
    screen.enter("7");
    await screen.shows("job 1 held");
    expect((await home.client.call("GET /jobs/:job", { job })).retries).toBe(7);
  });
});

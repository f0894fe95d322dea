import { realpathSync } from "node:fs";
import { userInfo } from "node:os";
import { describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { openScreen, whyNoTerminals } from "../kit/tmux.ts";
import { until } from "../kit/until.ts";
import { runDetached, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();
const why = whyNoTerminals();

/** A home where job 1, and with it worker run-1, holds a GPU. */
async function createHost(): Promise<OrchHome> {
  const home = createHome();
  await home.daemon();
  const job = await runDetached(home, "--gpus", "1", "--", "sh", "-c", "exec sleep 1000");
  await untilState(home, job, "running");
  return home;
}

describe("orch exec", () => {
  it("runs with the GPUs, the environment, the labels and the folder of the worker, through plain pipes", async () => {
    await using home = await createHost();
    const script = 'echo "$CUDA_VISIBLE_DEVICES/$ORCH_JOB/$ORCH_WORKER"; pwd; cat; echo oops >&2; exit 9';
    const { gpus } = await home.client.call("GET /jobs/:job", { job: 1 });
    const done = await home.orch(["exec", "run-1", "--", "sh", "-c", script], { cwd: "/", input: "typed" });
    expect(done).toEqual({
      code: 9,
      stdout: `${gpus[0]}/1/1\n${realpathSync(home.dir)}\ntyped`,
      stderr: "oops\n",
    });
  });

  it("is noted with its program's name and without its arguments, for the job's owner to read", async () => {
    await using home = await createHost();
    expect((await home.orch(["exec", "run-1", "--", "/bin/echo", "c4n4ry"])).stdout).toBe("c4n4ry\n");
    const { timeline } = await home.client.call("GET /jobs/:job", { job: 1 });
    const text = `${userInfo().username} runs echo beside run-1`;
    expect(timeline.filter(({ type }) => type === "worker-exec")).toMatchObject([{ worker: "run-1", text }]);
    const shown = (await home.orch(["events"])).stdout;
    expect(shown).toContain(text);
    expect(shown).not.toContain("c4n4ry");
  });

  it("knows the worker by its id, too, and passes a signal's exit code on", async () => {
    await using home = await createHost();
    expect((await home.orch(["exec", "1", "--", "sh", "-c", "kill -KILL $$"])).code).toBe(137);
  });

  it("ends with the worker", async () => {
    await using home = await createHost();
    const beside = home.spawn(["exec", "run-1", "--", "sh", "-c", "echo on; sleep 1000"]);
    await until("it runs", () => beside.stdout() === "on\n");
    expect((await home.orch(["cancel", "1"])).code).toBe(0);
    expect((await beside.ended).code).toBe(143);
    await untilOver(home, 1);
    await until("nothing is left of it", () => home.programs().length === 0);
  });

  it("says what is wrong", async () => {
    await using home = await createHost();
    const wrong: [string[], number, string][] = [
      [["exec", "run-1", "--", "no-such-program"], 127, "no-such-program: no such program"],
      [["exec", "run-1", "--", "/etc/passwd"], 126, "EACCES"],
      [["exec", "run-7", "--", "true"], 5, 'there is no worker "run-7"'],
      [["exec", "run-1"], 2, "missing required argument 'command'"],
      [["exec", "run-1", "--"], 2, "no command is given"],
    ];
    await expectFailures(home, wrong);
  });

  it.skipIf(why !== null)(`has the caller's terminal${why === null ? "" : ` (${why})`}`, async () => {
    await using home = await createHost();
    const screen = await openScreen(home);
    screen.enter("orch exec run-1 -- env PS1='beside> ' bash --norc");
    await screen.shows(/^beside>/m);
    screen.enter("stty size; sleep 1000");
    await screen.shows("24 80");
    screen.press("C-c");
    screen.enter("echo still-$((1+1))");
    await screen.shows("still-2");
    screen.enter("stty raw -echo; kill -KILL $$");
    await screen.shows(/^here> *$/m);
    screen.enter("echo code=$? $(stty -a | grep -o '.icanon')");
    await screen.shows("code=137 icanon");
  });
});

describe("a terminal without a terminal on the other side", () => {
  it("takes what is piped as typed, ends it as a keyboard does, and prints what the program writes", async () => {
    await using home = createHome();
    await home.daemon();
    const script = 'read a; read b; echo "got $a $b"; cat; echo done';
    const input = "one\ntwo\nthree\n";
    const { code, stdout } = await home.orch(["run", "--pty", "--", "sh", "-c", script], { input });
    expect(code).toBe(0);
    expect(stdout).toContain("got one two\r\n");
    expect(stdout).toMatch(/three\r\n(.*\r\n)*.*done\r\n$/);
  });

  it("prints all of a job that was over before anybody came", async () => {
    await using home = createHome();
    await home.daemon();
    for (let round = 0; round < 3; round++) {
      const { code, stdout } = await home.orch(["run", "--pty", "--", "sh", "-c", "echo quick; exit 3"]);
      expect([code, stdout]).toEqual([3, "quick\r\n"]);
    }
  });

  it("Ctrl-C at the client is Ctrl-C at the program; SIGTERM leaves it running", async () => {
    await using home = createHome();
    await home.daemon();
    const script = "trap 'echo got-it' INT; echo ready; while :; do sleep 0.05; done";
    const client = home.spawn(["run", "--pty", "--", "sh", "-c", script]);
    await until("it is ready", () => client.stdout().includes("ready"));
    client.child.kill("SIGINT");
    await until("it got it", () => client.stdout().includes("got-it"));
    client.child.kill("SIGTERM");
    const { code, stderr } = await client.ended;
    expect(code).toBe(143);
    expect(stderr).toContain("back to it: orch attach 1");
    expect((await untilState(home, 1, "running")).state).toBe("running");
  });
});

it("what makes no sense with terminals is refused with its reason", async () => {
  await using home = createHome();
  await home.daemon();
  const plain = await runDetached(home, "--", "true");
  const over = await runDetached(home, "--pty", "--", "true");
  for (const job of [plain, over]) await untilOver(home, job);
  await expectFailures(home, [
    [["run", "--pty", "--array", "0-3", "--", "true"], 2, "the jobs of an array have no terminals"],
    [["run", "--pty", "--json", "--", "true"], 2, "--json does not go with a terminal"],
    [["run", "--detach-keys", "ctrl-x", "--", "true"], 2, "--detach-keys needs --pty"],
    [["attach", "1", "--detach-keys", "alt-x"], 2, "names no keys to detach with"],
    [["attach", "9"], 5, "there is no job 9"],
    [["attach", "1"], 6, "job 1 has no terminal"],
    [["attach", "2"], 6, "job 2 is over: it has succeeded"],
    [["shell", "--gpus", "1", "--shared"], 2, "a shared lease needs an amount of memory"],
    [["shell", "--leave-after", "soon"], 2, '--leave-after: "soon" is not a duration'],
  ]);
});

async function expectFailures(home: OrchHome, wrong: readonly [string[], number, string][]): Promise<void> {
  for (const [args, code, text] of wrong) {
    const done = await home.orch(args);
    expect(done.stderr).toContain(text);
    expect([args, done.code, done.stdout]).toEqual([args, code, ""]);
  }
}

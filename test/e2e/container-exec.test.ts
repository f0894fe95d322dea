import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { type Podman, preparePodman } from "../kit/podman.ts";
import { openScreen, whyNoTerminals } from "../kit/tmux.ts";
import { until } from "../kit/until.ts";
import { query, useOrch } from "./session.ts";

const createHome = useOrch();
const found = await preparePodman();
const why = (typeof found === "string" ? found : null) ?? whyNoTerminals();

const HANDLER = `from orch_sdk import serve


class Handler:
    def run(self, params, ctx):
        return None


serve(Handler())
`;

function addBoxed(home: OrchHome, podman: Podman): void {
  home.write("runtimes/boxed/main.py", HANDLER);
  const dir = join(home.dir, "runtimes/boxed");
  const mounts = podman.pythonMounts.replace(
    "mounts: [",
    `mounts: [{ host: ${dir}, path: /app, readOnly: true }, `,
  );
  home.write(
    "runtimes/boxed/runtime.yaml",
    `name: boxed
engine: container
image: ${podman.image}
command: [python3, /app/main.py]
gpu: { count: 0 }
keepAlive: 1h
timeouts: { ready: 20s, stop: 5s }
${mounts}`,
  );
}

describe.skipIf(why !== null)(`orch exec into a container${why === null ? "" : ` (skipped: ${why})`}`, () => {
  if (typeof found === "string") return;
  const podman = found;
  const instances = new Set<string>();
  /** A home where boxed-1 is ready in its container. */
  const start = async (): Promise<OrchHome> => {
    const home = createHome();
    home.write("config.yaml", podman.config);
    addBoxed(home, podman);
    await home.daemon();
    instances.add((await home.client.call("GET /status", {})).instance);
    expect(await home.orch(["workers", "start", "boxed"])).toMatchObject({ code: 0 });
    await until("boxed-1 is ready", async () => {
      const { workers } = await home.client.call("GET /workers", {});
      return workers.some(({ state }) => state === "ready");
    });
    return home;
  };
  afterAll(async () => {
    for (const instance of instances) {
      const names = await podman.containersOf(instance);
      if (names.length > 0) await podman.call("rm", "-f", "-t", "0", ...names);
    }
  });

  it("passes pipes and the exit code, and notes who ran what, without its arguments", async () => {
    await using home = await start();
    const script =
      'echo "$ORCH_WORKER $SECRET_FILE $(ls /bb/sh)"; cat; test -t 0 || echo no-terminal; echo oops >&2; exit 9';
    const args = ["exec", "boxed-1", "--", "/bb/sh", "-c", `: c4n4ry; ${script}`];
    expect(await home.orch(args, { input: "typed\r\n" })).toEqual({
      code: 9,
      stdout: "1  /bb/sh\ntyped\r\nno-terminal\n",
      stderr: "oops\n",
    });
    expect((await home.orch(["exec", "1", "--", "true"])).code).toBe(0);
    const missing = await home.orch(["exec", "boxed-1", "--", "no-such-program"]);
    expect([missing.code, missing.stderr]).toEqual([127, expect.stringContaining("no-such-program")]);
    const noted = query<{ text: string; worker: string }>(
      home,
      "SELECT text, worker FROM events WHERE type = 'worker-exec' ORDER BY seq",
    );
    const { username } = userInfo();
    expect(noted).toEqual(
      ["sh", "true", "no-such-program"].map((program) => ({
        worker: "boxed-1",
        text: `${username} runs ${program} beside boxed-1`,
      })),
    );
    const shown = (await home.orch(["events"])).stdout;
    expect(shown).toMatch(/ worker-exec +\S+ runs sh beside boxed-1\n/);
    const daemonLog = readFileSync(join(home.dir, "state/daemon.log"), "utf8");
    expect(shown + daemonLog).not.toContain("c4n4ry");
  });

  it("gives it the caller's terminal, with its size, keys and name", async () => {
    await using home = await start();
    const screen = await openScreen(home, 100, 30);
    screen.enter("orch exec boxed-1 -- env PS1='inside> ' sh");
    await screen.shows(/^inside>/m);
    screen.enter("test -t 0 && echo size=$(stty size) $TERM uid=$(id -u)");
    await screen.shows(/size=30 100 tmux-256color uid=\d+/);
    screen.enter("sleep 1000");
    screen.press("C-c");
    screen.enter("echo still-$((1+1))");
    await screen.shows("still-2");
    screen.enter("exit 7");
    await screen.shows(/^here> *$/m);
    screen.enter("echo code=$? $(stty -a | grep -o '.icanon')");
    await screen.shows("code=7 icanon");
    // What goes into a file is not changed by a terminal.
    const file = join(home.dir, "plain.txt");
    screen.enter(`orch exec boxed-1 -- echo plain > ${file}; od -c ${file} | head -1`);
    await screen.shows(/n {2}\\n$/m);
    expect(readFileSync(file, "utf8")).toBe("plain\n");
  });

  it("ends with the worker", async () => {
    await using home = await start();
    const beside = home.spawn(["exec", "boxed-1", "--", "sh", "-c", "echo on; sleep 1000"]);
    await until("it runs", () => beside.stdout() === "on\n");
    expect((await home.orch(["workers", "stop", "boxed-1"])).code).toBe(0);
    expect((await beside.ended).code).not.toBe(0);
  });
});

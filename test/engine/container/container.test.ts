import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { checkContainerGpus } from "../../../src/engine/container/check-container-gpus.ts";
import { createContainerEngine } from "../../../src/engine/container/container.ts";
import { openContainerLedger } from "../../../src/engine/container/container-ledger.ts";
import { createEndedContainers } from "../../../src/engine/container/ended-containers.ts";
import type { Engine, Launch } from "../../../src/engine/engine.ts";
import { createProcessEngine } from "../../../src/engine/process.ts";
import { systemClock } from "../../../src/std/clock.ts";
import { preparePodman } from "../../kit/podman.ts";
import { until } from "../../kit/until.ts";

const found = await preparePodman();
const why = typeof found === "string" ? found : null;

describe.skipIf(why !== null)(`containers${why === null ? "" : ` (skipped: ${why})`}`, () => {
  if (typeof found === "string") return;
  const podman = found;
  const root = mkdtempSync(join(tmpdir(), "orch-containers-"));
  const instanceId = randomUUID();
  const ledgerFile = join(root, "engines.json");
  const ended = createEndedContainers(instanceId);
  const newEngine = (): Engine => {
    const processes = createProcessEngine({ instanceId, clock: systemClock });
    const ledger = openContainerLedger(ledgerFile);
    return createContainerEngine({ processes, instanceId, clock: systemClock, ended, note: ledger.note });
  };
  const engine = newEngine();
  const dirOf = (workerId: number): string => join(root, String(workerId));
  const nameOf = (workerId: number): string => `orch-${instanceId}-${workerId}`;
  const logOf = (workerId: number): string => readFileSync(join(root, `${workerId}.log`), "utf8");
  const sweep = (isOwned: (name: string) => boolean): Promise<readonly string[]> =>
    openContainerLedger(ledgerFile).sweep({ instanceId, isOwned, onSilence: () => undefined });

  /** What runs a shell script in a container as worker `workerId`. */
  const launch = (workerId: number, script: string, cli = podman.cli): Launch => ({
    workerId,
    argv: [
      ...cli.command,
      ...[
        "run",
        "--name",
        nameOf(workerId),
        "--cidfile",
        join(dirOf(workerId), "cid"),
        "--init",
        "--pull=never",
      ],
      ...["--network=none", "--log-driver=none", ...podman.runArgs],
      ...["--label", `io.orch.instance=${instanceId}`, "--env", `ORCH_INSTANCE=${instanceId}`],
      ...["--env", `ORCH_WORKER=${workerId}`, podman.image, "sh", "-c", script],
    ],
    env: {},
    cwd: root,
    dir: dirOf(workerId),
    logPath: join(root, `${workerId}.log`),
    container: { ...cli, name: nameOf(workerId) },
  });
  /** What has ended is removed in the background. */
  const untilNone = (): Promise<boolean> =>
    until("no container is left", async () => {
      await ended.flush();
      return (await podman.containersOf(instanceId)).length === 0;
    });
  const untilRunning = (workerId: number): Promise<unknown> =>
    until(`container ${workerId} is up`, () => {
      try {
        return logOf(workerId).includes("up\n");
      } catch {
        return false;
      }
    });

  afterAll(async () => {
    await sweep(() => false);
    for (const left of await engine.labelled(instanceId)) await engine.kill(left.identity);
    rmSync(root, { recursive: true, force: true });
  });

  test("output goes to the log, the exit code comes back, and nothing is left", async () => {
    const identity = await engine.start(launch(1, "echo out; echo err >&2; exit 7"));
    expect(await engine.exited(dirOf(1), identity)).toMatchObject({ exitCode: 7 });
    expect(logOf(1).split("\n").toSorted()).toEqual(["", "err", "out"]);
    await untilNone();
    expect(await engine.inspect(dirOf(1), 1)).toMatchObject({ kind: "exited", exit: { exitCode: 7 } });
  });

  test("stop lets a program end by itself, once", async () => {
    const script = "trap 'echo term; exit 3' TERM; echo up; while :; do sleep 0.05; done";
    const identity = await engine.start(launch(2, script));
    await untilRunning(2);
    const stopped = engine.ensureStopped(dirOf(2), identity, 10_000);
    expect(await stopped).toMatchObject({ exitCode: 3 });
    expect(logOf(2)).toBe("up\nterm\n");
    expect(await engine.ensureStopped(dirOf(2), identity, 0)).toMatchObject({ exitCode: 3 });
  });

  test("one that ignores it is killed at its deadline, and a second stop brings that forward", async () => {
    const identity = await engine.start(launch(3, "trap '' TERM; echo up; while :; do sleep 0.05; done"));
    await untilRunning(3);
    const startMs = performance.now();
    void engine.ensureStopped(dirOf(3), identity, 60_000);
    expect(await engine.ensureStopped(dirOf(3), identity, 300)).toMatchObject({ exitCode: 137 });
    expect(performance.now() - startMs).toBeLessThan(8_000);
    await untilNone();
  });

  test("one that is just being made is stopped, too", async () => {
    const identity = await engine.start(launch(4, "echo up; sleep 100"));
    const exit = await engine.ensureStopped(dirOf(4), identity, 500);
    expect(exit.exitCode).toBeGreaterThan(128);
    await untilNone();
  });

  test("a later daemon adopts what runs and reads what ended", async () => {
    const launched = launch(5, "echo up; sleep 1.5; exit 4");
    const identity = await engine.start(launched);
    await untilRunning(5);
    const later = newEngine();
    expect(await later.inspect(dirOf(5), 5)).toEqual({ kind: "running", identity });
    expect(await sweep((name) => name === nameOf(5))).toEqual([]);
    expect(await later.exited(dirOf(5), identity)).toMatchObject({ exitCode: 4 });
    expect(await newEngine().inspect(dirOf(5), 5)).toMatchObject({ kind: "exited", exit: { exitCode: 4 } });
  });

  test("without its supervisor a container is not left running", async () => {
    const identity = await engine.start(launch(6, "echo up; sleep 100"));
    await untilRunning(6);
    process.kill(identity.pid, "SIGKILL");
    expect(await engine.exited(dirOf(6), identity)).toMatchObject({ exitCode: null });
    await untilNone();
  });

  test("when the engine's client dies, the end of the container is still waited for", async () => {
    const identity = await engine.start(launch(7, "echo up; sleep 1.2; exit 9"));
    await untilRunning(7);
    const isClient = (pid: string): boolean => readCommand(pid).includes(`run\0--name\0${nameOf(7)}\0`);
    const clients = execFileSync("ps", ["-eo", "pid="], { encoding: "utf8" })
      .split("\n")
      .map((line) => line.trim());
    const client = clients.find((pid) => isClient(pid) && !readCommand(pid).startsWith("/bin/sh"));
    process.kill(Number(client), "SIGKILL");
    expect(await engine.exited(dirOf(7), identity)).toMatchObject({ exitCode: 9 });
  });

  test("an orphan of ours is swept, a stranger's is left alone", async () => {
    const name = `stranger-${instanceId}`;
    await podman.call(
      "run",
      "-d",
      "--name",
      name,
      "--network=none",
      "--label",
      `io.orch.instance=${randomUUID()}`,
      ...podman.runArgs,
      podman.image,
      "sleep",
      "60",
    );
    await podman.call(
      ...launch(8, "sleep 100")
        .argv.slice(podman.cli.command.length)
        .toSpliced(1, 0, "-d")
        .filter((word) => !word.includes("cid")),
    );
    expect(await sweep((each) => each !== nameOf(8))).toEqual([nameOf(8)]);
    await untilNone();
    expect(await podman.call("ps", "--filter", `name=^${name}$`, "--format", "{{.Names}}")).toBe(name);
    await podman.call("rm", "-f", "-t", "0", name);
  });

  test("a container that was left over under the same name makes way [fault 40]", async () => {
    const argv = launch(9, "sleep 100").argv.slice(podman.cli.command.length).toSpliced(1, 0, "-d");
    await podman.call(...argv.filter((word) => !word.includes("cid")));
    const identity = await engine.start(launch(9, "echo up; exit 5"));
    expect(await engine.exited(dirOf(9), identity)).toMatchObject({ exitCode: 5 });
    expect(logOf(9)).toMatch(/already in use.*is removed\nup\n$/s);
  });

  test("is seen to have its GPUs, or not", async () => {
    const launched = launch(11, "echo up; sleep 100");
    const ref = { ...podman.cli, name: nameOf(11) };
    const look = (uuids: string[], nodes: string[]) => checkContainerGpus(ref, { uuids, nodes });
    expect(await look(["GPU-1"], [])).toMatchObject({ kind: "unknown" });
    const tool = join(root, "nvidia-smi");
    const identity = await engine.start({
      ...launched,
      argv: launched.argv.toSpliced(-4, 0, "--volume", `${root}:${root}`, "--env", `PATH=${root}:/bb`),
    });
    await untilRunning(11);
    // What podman makes of --gpus: a container without anything of a GPU.
    expect(await look(["GPU-1"], [])).toMatchObject({
      kind: "lost",
      why: expect.stringMatching(/no nvidia-smi/),
    });
    expect(await look(["GPU-1"], ["/dev/null"])).toEqual({ kind: "well" });
    expect(await look(["GPU-1"], ["/dev/null", "/dev/nv0"])).toMatchObject({
      why: "/dev/nv0 cannot be opened inside",
    });
    writeFileSync(tool, "#!/bb/sh\necho 'GPU 0: H200 (UUID: GPU-1)'\n", { mode: 0o755 });
    expect(await look(["GPU-1"], [])).toEqual({ kind: "well" });
    expect(await look(["GPU-1", "GPU-2"], [])).toMatchObject({
      kind: "lost",
      why: expect.stringMatching(/does not list GPU-2/),
    });
    writeFileSync(tool, "#!/bb/sh\necho Failed to initialize NVML: Unknown Error; exit 255\n");
    expect(await look(["GPU-1"], ["/dev/null"])).toMatchObject({
      kind: "lost",
      why: expect.stringMatching(/NVML: Unknown Error/),
    });
    await engine.ensureStopped(dirOf(11), identity, 0);
  });

  test("an image that is not there ends at once, in the engine's words", async () => {
    const launched = launch(10, "true");
    const argv = launched.argv.map((word) => (word === podman.image ? "localhost/none:1" : word));
    const identity = await engine.start({ ...launched, argv });
    expect(await engine.exited(dirOf(10), identity)).toMatchObject({ exitCode: 125 });
    expect(logOf(10)).toMatch(/image not known/);
  });
});

function readCommand(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

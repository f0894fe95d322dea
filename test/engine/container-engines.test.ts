import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createContainerEngine } from "../../src/engine/container/container.ts";
import { callEngine } from "../../src/engine/container/container-cli.ts";
import { createImages } from "../../src/engine/container/container-image.ts";
import { createEndedContainers } from "../../src/engine/container/ended-containers.ts";
import {
  createContainerEngines,
  type FoundEngine,
} from "../../src/engine/container/find-container-engine.ts";
import { amdArguments, gpuArguments } from "../../src/engine/container/gpu-arguments.ts";
import { createProcessEngine } from "../../src/engine/process.ts";
import { systemClock } from "../../src/std/clock.ts";
import { startDocker } from "../kit/docker.ts";
import { preparePodman, writeTestImage } from "../kit/podman.ts";
import { refusal } from "../kit/refusal.ts";

const root = mkdtempSync(join(tmpdir(), "orch-engines-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A folder for PATH with programs made of shell lines. */
function folderOf(programs: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(root, "path-"));
  for (const [name, line] of Object.entries(programs))
    writeFileSync(join(dir, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return dir;
}

const find = (path: string, engine = "auto", more: Readonly<Record<string, string>> = {}) =>
  createContainerEngines({ engine, globalArgs: [], env: { PATH: path, ...more }, clock: systemClock }).find();

describe("looking for an engine", () => {
  test("without one says what each is", async () => {
    const failure = await refusal("engine/unavailable", find(folderOf({})));
    expect(failure.why).toBe("docker: not installed; podman: not installed");
    const dead = folderOf({
      docker:
        'case $1 in --version) echo Docker version 27.1;; *) echo "Cannot connect to the Docker daemon" >&2; exit 1;; esac',
    });
    expect((await refusal("engine/unavailable", find(dead))).why).toMatch(
      /^docker: Cannot connect to the Docker daemon; podman: not/,
    );
    expect(
      (await refusal("engine/unavailable", find(folderOf({ docker: "echo hello" }), "docker"))).why,
    ).toMatch(/neither docker nor podman/);
  });

  test("takes an engine that hangs for none, after a while, and asks only once at a time [fault 40]", async () => {
    const calls = join(root, "calls");
    const path = folderOf({
      docker: `echo x >>${calls}; case $1 in --version) echo Docker version 27.1;; *) exec sleep 60;; esac`,
    });
    const engines = createContainerEngines({
      engine: "docker",
      globalArgs: [],
      env: { PATH: `${path}:/bin` },
      clock: systemClock,
    });
    const both = [engines.find(), engines.find()].map((asked) => refusal("engine/unavailable", asked));
    for (const failure of await Promise.all(both)) expect(failure.why).toMatch(/did not answer within 5 s/);
    expect(readFileSync(calls, "utf8")).toBe("x\nx\n");
  });
});

describe("giving AMD GPUs to a container", () => {
  const first = { node: "/dev/dri/renderD128", gid: 109 };
  const second = { node: "/dev/dri/renderD129", gid: 109 };
  const cdi = [
    { name: "amd.com/gpu=all", nodes: ["/dev/kfd", first.node, second.node] },
    { name: "amd.com/gpu=0", nodes: ["/dev/dri/card0", first.node, "/dev/kfd"] },
  ];
  const engine = (knowsCdi: boolean, isRootless = false, kind: "docker" | "podman" = "docker") =>
    ({ kind, knowsCdi, isRootless }) as const;

  test("takes the CDI device that brings this GPU alone, and its group", () => {
    expect(amdArguments(engine(true), [first], cdi)).toEqual({
      args: ["--device", "amd.com/gpu=0", "--group-add", "109"],
      nodes: ["/dev/kfd", first.node],
    });
  });

  test("gives the nodes themselves where a GPU is not listed, or the engine knows no CDI", () => {
    const nodes = ["--device", "/dev/kfd", "--device", first.node, "--device", second.node];
    expect(amdArguments(engine(true), [first, second], cdi).args).toEqual([...nodes, "--group-add", "109"]);
    expect(amdArguments(engine(false, true, "podman"), [first, second], cdi).args).toEqual([
      ...nodes,
      "--group-add",
      "keep-groups",
    ]);
    expect(amdArguments(engine(false, true), [first], []).args).toEqual(nodes.slice(0, 4));
  });
});

describe("giving GPUs to a container", () => {
  const cdi = [{ name: "nvidia.com/gpu=GPU-1", nodes: ["/dev/nvidia0"] }];
  const docker = (knowsCdi: boolean) => ({ kind: "docker", version: "27.1", knowsCdi }) as const;
  const podman = (knowsCdi: boolean) => ({ kind: "podman", version: "4.0", knowsCdi }) as const;

  test("prefers CDI names, and --gpus is for a real docker alone", () => {
    expect(gpuArguments(podman(true), ["GPU-1"], cdi)).toEqual({
      args: ["--device", "nvidia.com/gpu=GPU-1"],
      nodes: ["/dev/nvidia0"],
    });
    expect(gpuArguments(docker(true), ["GPU-1"], cdi).args[0]).toBe("--device");
    expect(gpuArguments(docker(false), ["GPU-1"], cdi).args).toEqual(["--gpus", '"device=GPU-1"']);
    expect(gpuArguments(docker(true), ["GPU-1", "GPU-2"], cdi).args).toEqual([
      "--gpus",
      '"device=GPU-1,GPU-2"',
    ]);
    expect(gpuArguments(podman(true), [], cdi).args).toEqual([]);
    expect(() => gpuArguments(podman(true), ["GPU-2"], cdi)).toThrow(/cannot give a container the GPU GPU-2/);
    expect(() => gpuArguments(podman(false), ["GPU-1"], cdi)).toThrow(/cannot give/);
  });
});

const podman = await preparePodman();
const whyNoPodman = typeof podman === "string" ? podman : null;

describe.skipIf(whyNoPodman !== null)(
  `podman${whyNoPodman === null ? "" : ` (skipped: ${whyNoPodman})`}`,
  () => {
    if (typeof podman === "string") return;
    const [program = ""] = podman.cli.command;

    test("is known under docker's name, and used in place of a docker that does not answer", async () => {
      const dir = folderOf({ docker: `exec ${program} "$@"` });
      expect(await find(dir)).toMatchObject({ kind: "podman", knowsCdi: true });
      expect((await refusal("engine/unavailable", find(dir, "docker"))).why).toMatch(
        /podman under docker's name/,
      );
      expect(await find("/nowhere", join(dir, "docker"))).toMatchObject({ kind: "podman" });
      const both = folderOf({ docker: "exit 1" });
      symlinkSync(program, join(both, "podman"));
      expect(await find(both)).toMatchObject({ kind: "podman" });
    });

    test("an image is made once for all who wait, and not for nobody", async () => {
      const dir = mkdtempSync(join(root, "build-"));
      const stamp = randomUUID();
      writeFileSync(join(dir, "Dockerfile"), `FROM ${podman.image}\nRUN echo ${stamp}; sleep 0.5\n`);
      const cli = { ...podman.cli, command: [...podman.cli.command] };
      const source = { image: `localhost/orch-test-${stamp}:1`, buildDir: dir, runtimeName: "made" };
      const images = createImages(systemClock);
      const lines: string[] = [];
      const leaving = new AbortController();
      const first = images.ensure(cli, source, { onLog: () => leaving.abort(), signal: leaving.signal });
      const second = images.ensure(cli, source, {
        onLog: (line) => lines.push(line),
        signal: new AbortController().signal,
      });
      await refusal("interrupted", first);
      await second.catch((error: unknown) => {
        // Building runs a program, which not every host that runs containers lets a build do.
        expect(String(error)).toMatch(/could not be built/);
      });
      expect(lines.filter((line) => line.startsWith("STEP 1"))).toHaveLength(1);
      await callEngine(cli, ["rmi", "-f", source.image], { deadlineMs: 10_000 });
    });
  },
);

describe("a real docker", async () => {
  const docker = await startDocker();
  const why = typeof docker === "string" ? docker : null;
  test.skipIf(why !== null)(
    `runs containers, and while it hangs nothing is concluded [fault 40]${why === null ? "" : ` (skipped: ${why})`}`,
    async () => {
      if (typeof docker === "string") return;
      await using running = docker;
      const engine = await find(running.env["PATH"] ?? "", "docker", running.env);
      expect(engine).toMatchObject({ kind: "docker", isRootless: false });
      const dir = mkdtempSync(join(root, "image-"));
      writeTestImage(dir);
      await running.call("build", "-t", "orch-test:1", dir);
      const instanceId = randomUUID();
      const processes = createProcessEngine({ instanceId, clock: systemClock });
      const ended = createEndedContainers(instanceId);
      const containers = createContainerEngine({
        processes,
        instanceId,
        clock: systemClock,
        note: () => undefined,
        ended,
      });
      const start = (workerId: number, script: string) =>
        startIn(engine, containers, { instanceId, workerId, script });
      const quick = await start(1, "echo out; exit 7");
      expect(await containers.exited(quick.dir, quick.identity)).toMatchObject({ exitCode: 7 });
      const long = await start(2, "trap 'exit 3' TERM; while :; do sleep 0.1; done");
      await expect.poll(() => running.call("ps", "-q")).not.toBe("");
      running.engine.kill("SIGSTOP");
      let isOver = false;
      const stopped = containers.ensureStopped(long.dir, long.identity, 10_000).finally(() => {
        isOver = true;
      });
      await expect(find(running.env["PATH"] ?? "", "docker", running.env)).rejects.toThrow(
        "no container engine answers",
      );
      expect(isOver).toBe(false);
      running.engine.kill("SIGCONT");
      expect(await stopped).toMatchObject({ exitCode: 3 });
      await ended.flush();
      expect(await running.call("ps", "-aq")).toBe("");
    },
  );
});

async function startIn(
  { kind, command, env }: FoundEngine,
  containers: ReturnType<typeof createContainerEngine>,
  { instanceId, workerId, script }: { instanceId: string; workerId: number; script: string },
) {
  const dir = join(root, String(workerId));
  const name = `orch-${instanceId}-${workerId}`;
  const options = ["--name", name, "--cidfile", join(dir, "cid"), "--pull=never", "--init", "--network=none"];
  const label = ["--label", `io.orch.instance=${instanceId}`, "--log-driver=none"];
  const identity = await containers.start({
    workerId,
    argv: [...command, "run", ...options, ...label, "orch-test:1", "sh", "-c", script],
    env: {},
    cwd: root,
    dir,
    logPath: join(root, `${workerId}.log`),
    container: { kind, command, env, name },
  });
  return { dir, identity };
}

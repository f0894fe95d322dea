import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadRuntime, loadRuntimeAt } from "../../src/runtime/load.ts";
import { expectFailure } from "./expect-failure.ts";
import { runtimeFrom } from "./runtime-from.ts";

const shipped = resolve(import.meta.dirname, "../../runtimes");

describe("a good runtime.yaml", () => {
  test("has every default filled in", () => {
    expect(runtimeFrom("")).toEqual({
      name: "demo",
      summary: "",
      dir: "/srv/runtimes/demo",
      origin: "project",
      engine: "process",
      image: null,
      build: null,
      container: null,
      protocol: "orch",
      server: null,
      command: ["python3", "handler.py"],
      python: null,
      gpu: { count: 1, mode: "exclusive", vramBytes: null, vendor: null, mps: null },
      cpus: null,
      ramBytes: 0,
      sleep: null,
      slots: 1,
      replicas: { min: 0, max: 1 },
      keepAliveMs: 300_000,
      minResidencyMs: 0,
      timeouts: { readyMs: null, jobMs: null, stopMs: 20_000 },
      checkEveryMs: 30_000,
      warmUp: null,
      mounts: [],
      secrets: [],
      env: {},
      params: {},
      estimateBy: [],
      outputs: [],
      aliases: [],
    });
  });

  test.each([
    ["keepAlive: -1", null],
    ["keepAlive: 0", 0],
    ["keepAlive: 90", 90_000],
    ["keepAlive: 1h30m", 5_400_000],
  ])("%s", (text, expected) => {
    expect(runtimeFrom(text).keepAliveMs).toBe(expected);
  });

  test.each([
    ["gpu: { vram: 12GiB }", 12 * 2 ** 30],
    ["gpu: { vram: 800 MB }", 800_000_000],
    ["gpu: { vram: all }", null],
    ["gpu: { count: 0 }", null],
  ])("%s", (text, expected) => {
    expect(runtimeFrom(text).gpu.vramBytes).toBe(expected);
  });

  test("gives the owner's environment as text", () => {
    const runtime = runtimeFrom("env: { OMP_NUM_THREADS: 4, DEBUG: true, MODE: '010' }");
    expect(runtime.env).toEqual({ OMP_NUM_THREADS: "4", DEBUG: "true", MODE: "010" });
  });

  test("resolves the requirements from its own folder", () => {
    const runtime = runtimeFrom("python: { requirements: requirements.txt }");
    expect(runtime.python).toEqual({ requirementsPath: "/srv/runtimes/demo/requirements.txt" });
    expect(runtimeFrom("python: {}").python).toEqual({ requirementsPath: null });
  });

  test("may use an alias or two", () => {
    const runtime = runtimeFrom("params:\n  a: &size { type: integer, min: 1 }\n  b: *size");
    expect(runtime.params["b"]).toEqual(runtime.params["a"]);
  });

  test("may have params named like members of every object", () => {
    const runtime = runtimeFrom("params: { constructor: { type: string }, toString: { type: integer } }");
    expect(Object.keys(runtime.params)).toEqual(["constructor", "toString"]);
  });
});

describe("the runtimes shipped", () => {
  test("charlm loads a model once and holds an exclusive GPU", () => {
    const charlm = loadRuntime({ dir: join(shipped, "charlm"), origin: "shipped" });
    expect(charlm.params["model"]).toMatchObject({ type: "file", load: true, required: true });
    expect(charlm.gpu).toMatchObject({ count: 1, mode: "exclusive", vramBytes: 600 * 2 ** 20 });
  });

  test("charlm-train is one program per job", () => {
    const train = loadRuntime({ dir: join(shipped, "charlm-train"), origin: "shipped" });
    expect(train).toMatchObject({ protocol: "exec", command: ["python3", "train.py"] });
  });

  test("sdxl is a container and its Python compiles", () => {
    const sdxl = loadRuntime({ dir: join(shipped, "sdxl"), origin: "shipped" });
    expect(sdxl).toMatchObject({
      engine: "container",
      image: "orch/sdxl:1",
      secrets: ["HF_TOKEN"],
      command: [],
    });
    const compile = "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')";
    execFileSync("python3", ["-c", compile, join(sdxl.dir, "handler.py")]);
  });
});

describe("reading from the disk", () => {
  let dir = "";
  beforeEach(() => {
    dir = join(mkdtempSync(join(tmpdir(), "orch-load-")), "demo");
    mkdirSync(dir);
  });
  afterEach(() => rmSync(join(dir, ".."), { recursive: true }));

  const load = () => loadRuntime({ dir, origin: "user" });

  test("takes the folder or the file", () => {
    writeFileSync(join(dir, "runtime.yaml"), "\ufeffname: demo\r\nslots: 2\r\n");
    expect(loadRuntimeAt(dir).slots).toBe(2);
    expect(loadRuntimeAt(join(dir, "runtime.yaml")).dir).toBe(dir);
  });

  test("a missing file is named", () => {
    expectFailure(load, "runtime/invalid", /demo\/runtime\.yaml:1:1: /, /no such file/);
  });

  test("a folder in its place is refused", () => {
    mkdirSync(join(dir, "runtime.yaml"));
    expectFailure(load, "runtime/invalid", /runtime\.yaml:1:1: /, /regular file|EISDIR/);
  });

  test("a FIFO in its place does not hang", () => {
    const file = join(dir, "runtime.yaml");
    execFileSync("mkfifo", [file]);
    // Were the open to wait for a writer, this one would let it go after 3 s, and the test could fail.
    const rescuer = spawn("sh", ["-c", `sleep 3; exec echo >"${file}"`], { detached: true, stdio: "ignore" });
    const startMs = performance.now();
    expectFailure(load, "runtime/invalid", /runtime\.yaml:1:1: /, /not a regular file/);
    expect(performance.now() - startMs).toBeLessThan(2500);
    if (rescuer.pid !== undefined) process.kill(-rescuer.pid, "SIGKILL");
  });

  test("a dangling link is a missing file", () => {
    symlinkSync("nowhere", join(dir, "runtime.yaml"));
    expectFailure(load, "runtime/invalid", /runtime\.yaml:1:1: /, /no such file/);
  });

  test("bytes that are no UTF-8 are shown their place", () => {
    writeFileSync(join(dir, "runtime.yaml"), Buffer.from("name: demo\nsummary: ä\xe4 x\n", "latin1"));
    expectFailure(load, "runtime/invalid", /runtime\.yaml:2:10: /, /not valid UTF-8/);
  });

  test("a file over 256 KB is refused, also on the disk", () => {
    writeFileSync(join(dir, "runtime.yaml"), `name: demo\n${"# x\n".repeat(80_000)}`);
    expectFailure(load, "runtime/invalid", /runtime\.yaml:1:1: the file is too large/, /256 KB/);
  });

  test("requirements that are missing are named", () => {
    writeFileSync(join(dir, "runtime.yaml"), "name: demo\npython: { requirements: reqs.txt }\n");
    expectFailure(
      load,
      "runtime/invalid",
      /runtime\.yaml:/,
      /python\.requirements: .*reqs\.txt: there is no such/,
    );
    mkdirSync(join(dir, "reqs.txt"));
    expectFailure(load, "runtime/invalid", /runtime\.yaml:/, /reqs\.txt is not a regular file/);
    rmSync(join(dir, "reqs.txt"), { recursive: true });
    writeFileSync(join(dir, "reqs.txt"), "");
    expect(load().python).toEqual({ requirementsPath: join(dir, "reqs.txt") });
  });
});

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { until } from "./until.ts";

/** A Docker engine of its own, with nothing of the host's. */
export interface DockerHost extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  readonly engine: ChildProcess;
  call(...args: readonly string[]): Promise<string>;
}

const READY_MS = 20_000;
const CALL_MS = 20_000;

/** Starts an engine without networks, or says why that cannot be done; with ORCH_REQUIRE=1 it throws then. */
export async function startDocker(): Promise<DockerHost | string> {
  const docker = await tryDocker();
  if (typeof docker === "string" && process.env["ORCH_REQUIRE"] === "1")
    throw new Error(`ORCH_REQUIRE=1, but ${docker}`);
  return docker;
}

async function tryDocker(): Promise<DockerHost | string> {
  if (process.getuid?.() !== 0) return "a Docker engine of its own needs root";
  const there = promisify(execFile)("sh", ["-c", "command -v docker && command -v dockerd"]);
  if (
    await there.then(
      () => false,
      () => true,
    )
  )
    return "docker and dockerd are not installed";
  const dir = mkdtempSync(join(tmpdir(), "orch-docker-"));
  const at = (name: string): string => join(dir, name);
  const socket = `unix://${at("s")}`;
  const places = [
    "--host",
    socket,
    "--data-root",
    at("data"),
    "--exec-root",
    at("exec"),
    "--pidfile",
    at("pid"),
  ];
  const engine = spawn("dockerd", ["--iptables=false", "--bridge=none", ...places], { stdio: "ignore" });
  engine.on("error", () => undefined);
  const env = { PATH: process.env["PATH"] ?? "", HOME: dir, DOCKER_HOST: socket };
  const call = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)("docker", [...args], { env, timeout: CALL_MS });
    return stdout.trim();
  };
  const ended = new Promise<void>((resolve) => engine.once("exit", () => resolve()));
  const dispose = async (): Promise<void> => {
    engine.kill("SIGCONT");
    engine.kill("SIGTERM");
    await ended;
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await until(
      "dockerd answers",
      () =>
        call("info").then(
          () => true,
          () => engine.exitCode !== null,
        ),
      READY_MS,
    );
    if (engine.exitCode !== null) throw new Error(`it ended with ${engine.exitCode}`);
  } catch (error) {
    await dispose();
    return `dockerd does not come up here: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { env, engine, call, [Symbol.asyncDispose]: dispose };
}

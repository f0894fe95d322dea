// What orch adds to a switch between two containers: the same switch by hand (`stop`, `run`, ready), measured in turn.
import { execFile } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { type Podman, preparePodman } from "../test/kit/podman.ts";
import { type Connection, call, encode } from "./kit/connection.ts";
import { makeHome, startDaemon } from "./kit/daemon.ts";
import { isQuick, milliseconds, report } from "./kit/figure.ts";
import { untilSucceeded } from "./kit/jobs.ts";
import { median, quantile } from "./kit/statistics.ts";
import { until } from "./kit/until.ts";

const SWITCHES = isQuick ? 6 : 20;
const TARGET_MS = 100;
const NAMES = ["left", "right"] as const;
const run = promisify(execFile);

const HANDLER = `import time
from orch_sdk import serve

class Handler:
    def run(self, params, ctx):
        open("/times/" + params["mark"], "w").write(str(time.time() * 1000))

serve(Handler())
`;

const figure = { name: "switch of containers, beyond stop + run + ready", target: `≤ ${TARGET_MS} ms` };
const podman = await preparePodman();
if (typeof podman === "string")
  report({ ...figure, measured: `skipped: ${podman}`, met: null, baseline: "" });
else await measure(podman);

async function measure(engine: Podman): Promise<void> {
  const home = makeHome();
  const times = path.join(home, "times");
  fs.mkdirSync(times);
  fs.writeFileSync(path.join(home, "config.yaml"), engine.config);
  for (const name of NAMES) addRuntime(engine, home, name);
  const daemon = await startDaemon({ home });
  const connection = await daemon.connect();
  const orchMs: number[] = [];
  const handMs: number[] = [];
  const commands = [await commandOf(connection, NAMES[0]), await commandOf(connection, NAMES[1])];
  const byOrch = async (turn: number): Promise<number> => {
    const startMs = Date.now();
    const params = { mark: String(turn) };
    await call(connection, encode("POST", "/jobs", { runtime: NAMES[turn % 2] ?? "left", params }));
    await untilSucceeded(connection, turn + 1);
    return Number(fs.readFileSync(path.join(times, String(turn)), "utf8")) - startMs;
  };
  let resident = await startByHand(home, commands[0] ?? [], 0);
  const byHand = async (turn: number): Promise<number> => {
    const old = resident;
    const startMs = performance.now();
    await podmanCall(commands[0] ?? [], "stop", "-t", "20", old);
    resident = await startByHand(home, commands[turn % 2] ?? [], turn);
    const tookMs = performance.now() - startMs;
    await podmanCall(commands[0] ?? [], "rm", old);
    return tookMs;
  };
  await byOrch(0); // Only fills the GPU.
  // In turn, so that what else the machine does slows both alike.
  for (let turn = 1; turn <= SWITCHES; turn++) {
    orchMs.push(await byOrch(turn));
    handMs.push(await byHand(turn));
  }
  await podmanCall(commands[0] ?? [], "rm", "-f", "-t", "0", resident);
  const addedMs = median(orchMs) - median(handMs);
  report({
    ...figure,
    measured: `${milliseconds(addedMs)} (${milliseconds(median(orchMs))}, worst ${milliseconds(quantile(orchMs, 1))})`,
    met: addedMs <= TARGET_MS,
    baseline: `by hand: ${milliseconds(median(handMs))}, worst ${milliseconds(quantile(handMs, 1))}`,
  });
  connection.close();
  await daemon.stop();
}

function addRuntime(engine: Podman, home: string, name: string): void {
  const dir = path.join(home, "runtimes", name);
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(path.join(dir, "handler.py"), HANDLER);
  const own = `mounts: [{ host: ${dir}, path: /app }, { host: ${home}/times, path: /times }, `;
  fs.writeFileSync(
    path.join(dir, "runtime.yaml"),
    `name: ${name}
engine: container
image: ${engine.image}
command: [python3, /app/handler.py]
keepAlive: 10m
params: { mark: { type: string, default: "0" } }
${engine.pythonMounts.replace("mounts: [", own)}`,
  );
}

/** What orch itself runs for this runtime. */
async function commandOf(connection: Connection, runtime: string): Promise<string[]> {
  const request = encode("POST", "/jobs/dry-run", { runtime, params: {} });
  return (await call<{ command: string[] }>(connection, request)).command;
}

/** Runs the command detached under a name and with a socket of its own; resolves when its worker is ready. */
async function startByHand(home: string, command: readonly string[], turn: number): Promise<string> {
  const socketOf = (argument: string): string => /^ORCH_SOCKET=(.*)$/.exec(argument)?.[1] ?? "";
  const socket = command.map(socketOf).find((each) => each !== "") ?? "";
  const dir = path.join(home, "run", `hand${turn}`);
  fs.mkdirSync(dir, { recursive: true });
  const at = command.indexOf("run");
  const name = `${command[command.indexOf("--name") + 1]}-hand${turn}`;
  const own = command.map((argument) => argument.replaceAll(path.dirname(socket), dir));
  own[command.indexOf("--name") + 1] = name;
  own.splice(command.indexOf("--cidfile"), 2);
  const [program = "", ...args] = own.toSpliced(at + 1, 0, "--detach");
  await run(program, args);
  await until("the container is ready", () => isReady(path.join(dir, path.basename(socket))), { pollMs: 2 });
  return name;
}

function isReady(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const stream = net.connect(socket, () => stream.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"));
    stream.once("data", (data) => {
      stream.destroy();
      resolve(data.includes('"ready"'));
    });
    stream.once("error", () => resolve(false));
  });
}

async function podmanCall(command: readonly string[], ...words: readonly string[]): Promise<void> {
  const [program = "", ...before] = command.slice(0, command.indexOf("run"));
  await run(program, [...before, ...words]);
}

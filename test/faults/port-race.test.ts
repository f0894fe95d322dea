import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createRng } from "../../src/std/rng.ts";
import { query, useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";

const createHome = useOrch();
const ROUNDS = Number(process.env["ORCH_PORT_ROUNDS"] || 200);
const SEED = 31;
/** Longest wait of either side between the choice of a port and its bind, in milliseconds. */
const MOST_MS = 40;

/** Says which port it was given, waits for a moment, takes it, and serves. Bare sockets: two hundred of them have to start. */
const PROGRAM = `import json, os, socket, sys, time
port, wait = int(sys.argv[1]), int(sys.argv[2])
name = os.path.join(sys.argv[4], sys.argv[3])
with open(name + ".new", "w") as file:
    file.write(str(port))
os.rename(name + ".new", name)
time.sleep(wait / 1000)
server = socket.create_server(("127.0.0.1", port))
while True:
    peer = server.accept()[0].makefile("rwb")
    line = peer.readline()
    length = 0
    while True:
        head = peer.readline()
        if head in (b"\\r\\n", b""):
            break
        if head.lower().startswith(b"content-length:"):
            length = int(head.split(b":")[1])
    peer.read(length)
    body = json.dumps({"pid": os.getpid(), "port": port}).encode()
    peer.write(b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\nconnection: close\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(body) + body)
    peer.close()
`;

function addService(home: OrchHome, ports: string): void {
  home.write("runtimes/service/serve.py", PROGRAM);
  home.write(
    "runtimes/service/runtime.yaml",
    `name: service
protocol: http
command: [python3, -I, -S, serve.py, "{port}", "{wait}", "{round}", "${ports}"]
gpu: { count: 0 }
keepAlive: 1s
timeouts: { ready: 20s, stop: 2s }
server: { ready: /up, request: { path: /run, body: {} } }
params:
  round: { type: integer, required: true, load: true }
  wait: { type: integer, required: true, load: true }
`,
  );
}

/** Takes the port that the first start of each round says it was given, after a moment. A job gives up after three starts. */
function startThief(ports: string) {
  const rng = createRng(SEED);
  const seen = new Set<string>();
  const taken: Server[] = [];
  const heard: string[] = [];
  let isOver = false;
  const steal = async (port: number): Promise<void> => {
    await sleep(rng.below(MOST_MS));
    const server = createServer((socket) => {
      socket.on("data", (data) => heard.push(data.toString("latin1")));
      socket.on("error", () => undefined);
    });
    server.on("error", () => undefined); // It was too late.
    server.on("listening", () => taken.push(server));
    server.listen(port, "127.0.0.1");
  };
  const look = async (): Promise<void> => {
    while (!isOver) {
      for (const name of readdirSync(ports).filter((each) => !each.endsWith(".new") && !seen.has(each))) {
        seen.add(name);
        void steal(Number(readFileSync(join(ports, name), "utf8")));
      }
      await sleep(2);
    }
  };
  const looking = look();
  return {
    heard,
    taken,
    async stop() {
      isOver = true;
      await looking;
      for (const server of taken) server.close();
    },
  };
}

describe("the port of a worker and a thief", () => {
  it(`who race for it ${ROUNDS} times: every job is served by its worker, the thief is told none [fault 31]`, {
    timeout: 60_000 + ROUNDS * 1_000,
  }, async () => {
    await using home = createHome({ ORCH_CPU_CORES: "64" });
    const ports = join(home.dir, "ports");
    mkdirSync(ports);
    addService(home, ports);
    await home.daemon();
    const thief = startThief(ports);
    const rng = createRng(SEED + 1);
    const jobs: number[] = [];
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const params = { round, wait: rng.below(MOST_MS) };
        jobs.push((await home.client.call("POST /jobs", { runtime: "service", params })).id);
        // Not all at once: the machine would be the one that loses the races.
        await until("few wait", () => liveJobs(home) < 12, 60_000);
      }
      await until("all are over", () => liveJobs(home) === 0, 60_000 + ROUNDS * 200);
    } finally {
      await thief.stop();
    }
    const ends = query<{ state: string; reason_text: string }>(home, "SELECT state, reason_text FROM jobs");
    expect(ends.filter(({ state }) => state !== "succeeded")).toEqual([]);
    const lost = query(home, "SELECT 1 FROM events WHERE type = 'worker-failed'").length;
    console.log(
      `${ROUNDS} races for a port: the thief had ${thief.taken.length}, ${lost} starts were tried again`,
    );
    expect(lost, "races that the thief won").toBeGreaterThan(ROUNDS / 20);
    expect(lost, "races that the worker won").toBeLessThan(ROUNDS);
    expect(
      thief.heard.filter((text) => text.includes("/run")),
      "jobs told to a stranger",
    ).toEqual([]);
  });
});

const liveJobs = (home: OrchHome): number =>
  query(home, "SELECT 1 FROM jobs WHERE finished_at IS NULL").length;

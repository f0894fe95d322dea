import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import net from "node:net";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { addResidents } from "./runtimes.ts";
import { query, submit, untilOver, useOrch } from "./session.ts";

const createHome = useOrch();
const SERVICE = path.resolve("test/fixtures/workers/service.py");

/** A runtime of a server that was not written for orch, and misbehaves. */
function addService(
  home: OrchHome,
  mode: string,
  yaml = "",
  files: Readonly<Record<string, string>> = {},
): void {
  home.write("runtimes/service/service.py", fs.readFileSync(SERVICE, "utf8"));
  for (const [name, text] of Object.entries(files)) home.write(`runtimes/service/${name}`, text);
  const command = "run.py" in files ? "run.py" : "service.py";
  home.write(
    "runtimes/service/runtime.yaml",
    `name: service
protocol: http
command: [python3, ${command}, "${mode}", "{port}"]
gpu: { count: 0 }
timeouts: { ready: 1500ms, stop: 1s }
server: { ready: /up, request: { path: /run, body: {} } }
${yaml}`,
  );
}

interface Row {
  readonly at: number;
  readonly text: string;
}

const failures = (home: OrchHome): Row[] =>
  query<Row>(home, "SELECT at, text FROM events WHERE type = 'worker-failed' ORDER BY seq");

const firstFailure = (home: OrchHome): Promise<Row> =>
  until("a worker has failed", () => failures(home)[0], 20_000);

describe("a worker that does not start", () => {
  it("[fault 27] and exits is noticed at once, tried again later and later, and fails its job with the reason", async () => {
    await using home = createHome();
    home.write(
      "runtimes/broken/runtime.yaml",
      `name: broken\ncommand: [sh, -c, "date +%s%3N >> ends; echo no such model; exit 3"]\ngpu: { count: 0 }\n`,
    );
    await home.daemon();
    const job = await submit(home, "broken");
    const end = await untilOver(home, job);
    expect(end).toMatchObject({ state: "failed", reason: { code: "start-failed" } });
    expect(end.reason?.text).toMatch("no such model");
    const ends = fs
      .readFileSync(path.join(home.dir, "runtimes/broken/ends"), "utf8")
      .trim()
      .split("\n")
      .map(Number);
    const noticedMs = failures(home).map(({ at }, index) => at - (ends[index] ?? 0));
    expect(ends).toHaveLength(3);
    expect(Math.min(...noticedMs)).toBeLessThanOrEqual(100);
    const pauses = ends.slice(1).map((endMs, index) => endMs - (ends[index] ?? 0));
    expect(pauses[0]).toBeGreaterThanOrEqual(800);
    expect(pauses[1]).toBeGreaterThanOrEqual(1_600);
  });

  it.each([
    { mode: "503", why: "answers GET /up with 503" },
    { mode: "half-open", why: "nobody answered at its endpoint" },
    { mode: "mute", why: "nobody answered at its endpoint" },
  ])("[fault 29] because of $mode is given up at its deadline, with what it said", async ({ mode, why }) => {
    await using home = createHome();
    addService(home, mode);
    await home.daemon();
    const startMs = Date.now();
    await submit(home, "service");
    const { text, at } = await firstFailure(home);
    expect(text).toMatch("was not ready within 1.5 s (as its runtime declares)");
    expect(text).toMatch(why);
    expect(at - startMs).toBeLessThan(10_000);
  });

  it("[fault 29] because its answer is not that of its protocol is given up too", async () => {
    await using home = createHome();
    addService(home, "ok");
    home.write(
      "runtimes/service/runtime.yaml",
      `name: service\nprotocol: cog\ncommand: [python3, service.py, ok, "{port}"]\ngpu: { count: 0 }
timeouts: { ready: 1500ms, stop: 1s }\n`,
    );
    await home.daemon();
    await submit(home, "service");
    expect((await firstFailure(home)).text).toMatch("was not ready within 1.5 s");
  });
});

describe("the port of a worker", () => {
  it("[fault 30] that a stranger answers from is not believed: the stranger is named, and gets no job", async () => {
    await using home = createHome();
    const asked: string[] = [];
    const stranger = http.createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end("{}");
    });
    await new Promise<void>((resolve) => void stranger.listen(0, "127.0.0.1", resolve));
    const { port } = stranger.address() as AddressInfo;
    addService(home, "mute", `keepAlive: 1m`);
    const yaml = fs.readFileSync(path.join(home.dir, "runtimes/service/runtime.yaml"), "utf8");
    home.write("runtimes/service/runtime.yaml", yaml.replace("server: {", `server: { port: ${port},`));
    await home.daemon();
    await submit(home, "service");
    const { text } = await firstFailure(home);
    stranger.close();
    expect(text).toMatch(new RegExp(`port ${port}, .* is held by pid ${process.pid} \\(node`));
    expect(asked).toEqual([]);
  });

  it("[fault 31] that is taken between choice and bind makes the start be tried again with another", async () => {
    await using home = createHome();
    const run = `import os, sys, time
here = os.path.dirname(os.path.abspath(__file__))
if not os.path.exists(here + "/first"):
    open(here + "/first", "w").write(sys.argv[2])
    while not os.path.exists(here + "/taken"):
        time.sleep(0.01)
sys.argv[0] = here + "/service.py"
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"))
`;
    addService(home, "ok", "", { "run.py": run });
    await home.daemon();
    const job = await submit(home, "service");
    const first = path.join(home.dir, "runtimes/service/first");
    const port = await until(
      "the port is chosen",
      () => fs.existsSync(first) && Number(fs.readFileSync(first, "utf8")),
    );
    const thief = net.createServer().listen(port, "127.0.0.1");
    await until("the port is taken", () => thief.listening);
    home.write("runtimes/service/taken", "");
    const end = await untilOver(home, job);
    thief.close();
    expect(end.state).toBe("succeeded");
    expect((end.output as { port: number }).port).not.toBe(port);
    expect(failures(home)).toHaveLength(1);
    expect(failures(home)[0]?.text).toMatch("Address already in use");
  });
});

describe("a job that kills its worker", () => {
  it("[fault 28] [fault 43] fails after two attempts, and its neighbours run", async () => {
    await using home = createHome();
    addResidents(home);
    await home.daemon();
    const before = await submit(home, "left", "--tag", "before");
    const poison = await submit(home, "left", "--deadly");
    const after = await submit(home, "left", "--tag", "after");
    expect((await untilOver(home, after)).state).toBe("succeeded");
    expect((await untilOver(home, before)).state).toBe("succeeded");
    const end = await untilOver(home, poison);
    expect(end).toMatchObject({ state: "failed", attempts: 2, reason: { code: "worker-lost" } });
  });
});

import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { type ApiDocument, createFuzz, type FuzzRequest } from "./fuzz.ts";

const createHome = useOrch();
const SEED = Number(process.env["ORCH_FUZZ_SEED"] || 9);
const INPUTS = Number(process.env["ORCH_FUZZ_INPUTS"] || 12_000);
const CONNECTIONS = 8;
/** A stream is left after this: some have nothing to say. */
const STREAM_MS = 20;
const ANSWER_MS = 20_000;

const RUNTIME = `name: note
protocol: exec
command: [cat]
params: { a: { type: string } }
`;

const describeInput = ({ method, path, body }: FuzzRequest): string =>
  `${method} ${path} ${body.toString().slice(0, 500)}`;

/** Sends it and gives the status, or how the connection broke off. */
function send(home: OrchHome, agent: Agent, given: FuzzRequest): Promise<number | string> {
  const { method, path, body } = given;
  return new Promise((resolve, reject) => {
    const headers = { ...given.headers, "content-length": String(body.length) };
    const asked = request({ socketPath: home.socket, agent, method, path, headers }, (response) => {
      response.on("error", () => undefined);
      response.on("close", () => resolve(response.statusCode ?? 0));
      response.resume();
    });
    asked.on("error", ({ message }) => resolve(message));
    const late = `no answer in ${ANSWER_MS} ms to ${describeInput(given)}`;
    if (given.isStream) setTimeout(() => asked.destroy(new Error("left")), STREAM_MS);
    else asked.setTimeout(ANSWER_MS, () => reject(new Error(late)));
    asked.end(body);
  });
}

interface Outcome {
  readonly counts: Map<number | string, number>;
  /** What the daemon may answer to nothing. */
  readonly faults: string[];
}

/** Sends those with numbers from `from` up to `end`. */
async function sendAll(
  home: OrchHome,
  fuzz: (index: number) => FuzzRequest,
  [from, end]: readonly [number, number],
  { counts, faults }: Outcome,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  let next = from;
  const runClient = async (): Promise<void> => {
    while (next < end) {
      const index = next++;
      const given = fuzz(index);
      const status = await send(home, agent, given);
      counts.set(status, (counts.get(status) ?? 0) + 1);
      if (status === 500) faults.push(`request ${index} of seed ${SEED} got 500: ${describeInput(given)}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, runClient));
  agent.destroy();
}

const shareOf = ({ counts }: Outcome, from: number): number => {
  const all = [...counts].filter(([status]) => Number(status) >= from && Number(status) < from + 100);
  return all.reduce((sum, [, count]) => sum + count, 0) / INPUTS;
};

const rssBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;

describe("requests that were sound and are spoilt", () => {
  it(`are answered with what is wrong, ${INPUTS} of them, seed ${SEED}; none is a fault of the daemon [fault 48]`, {
    timeout: 60_000 + INPUTS * 20,
  }, async () => {
    await using home = createHome();
    home.write("runtimes/note/runtime.yaml", RUNTIME);
    const daemon = await home.daemon();
    const document = (await home.client.call("GET /openapi.json", {})) as unknown as ApiDocument;
    const names = ["note", "1", "2", "7", "true", "a", "0-3%2", "a=1,2", "0 3 * * *", "UTC", "id", "x y"];
    const fuzz = createFuzz(document, [...names, home.dir], SEED);
    const outcome: Outcome = { counts: new Map(), faults: [] };
    await sendAll(home, fuzz, [0, INPUTS / 3], outcome);
    const before = rssBytes(daemon.pid);
    const startMs = performance.now();
    await sendAll(home, fuzz, [INPUTS / 3, INPUTS], outcome);
    const perSecond = Math.round((INPUTS * 2000) / 3 / (performance.now() - startMs));
    const counts = [...outcome.counts].map(([status, count]) => `${count} × ${status}`).join(", ");
    console.log(`seed ${SEED}: ${INPUTS} requests, ${perSecond} a second: ${counts}`);
    expect(outcome.faults).toEqual([]);
    expect(daemon.isRunning(), daemon.stderr()).toBe(true);
    expect(shareOf(outcome, 200), "some come through, and are looked at in full").toBeGreaterThan(0.05);
    expect(shareOf(outcome, 400), "most are refused").toBeGreaterThan(0.3);
    expect(rssBytes(daemon.pid) - before, "bytes more").toBeLessThan(96 * 2 ** 20);
    expect((await home.orch(["run", "--", "echo", "served"])).stdout).toBe("served\n");
    const log = readFileSync(join(home.dir, "state", "daemon.log"), "utf8");
    expect(log.split("\n").filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  });
});

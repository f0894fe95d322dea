import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { ask, makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();
const JOBS = 10_000;
const BATCH = 250;
const CLIENTS = 8;

it("10,000 jobs come over TCP at once: all are acknowledged, others are served meanwhile, lists stay short [fault 42]", {
  timeout: 60_000,
}, async () => {
  await using home = createHome();
  writeConfig(home);
  home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: ['true']\n");
  const daemon = await home.daemon();
  const key = await makeKey(home, "many", "--rate", "1000/s", "--quota", `${JOBS}/d`);
  const url = await urlOf(home);
  const rssBytes = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  const before = rssBytes();
  const body = JSON.stringify({
    jobs: Array.from({ length: BATCH }, () => ({ runtime: "note", options: { hold: true } })),
  });
  const submit = () => ask(url, { method: "POST", path: "/api/v1/jobs/batch", key, body });
  let left = JOBS / BATCH;
  let isOver = false;
  const client = async (): Promise<void> => {
    while (left-- > 0) expect((await submit()).status).toBe(200);
  };
  const tookMs: number[] = [];
  const watcher = async (): Promise<void> => {
    while (!isOver) {
      const startMs = performance.now();
      expect((await ask(url, { path: "/api/v1/hello", key })).status).toBe(200);
      tookMs.push(performance.now() - startMs);
    }
  };
  const startMs = performance.now();
  const watching = watcher();
  await Promise.all(Array.from({ length: CLIENTS }, client));
  const allMs = performance.now() - startMs;
  isOver = true;
  await watching;
  const sorted = tookMs.toSorted((a, b) => a - b);
  const lateMs = sorted[Math.floor(sorted.length * 0.95)] ?? 0;
  console.log(`${JOBS} jobs in ${Math.round(allMs)} ms; 95 % of others in ${Math.round(lateMs)} ms`);
  expect(sorted[sorted.length >> 1]).toBeLessThan(50);
  expect(lateMs, "on a busy machine").toBeLessThan(250);
  const list = await ask(url, { path: "/api/v1/jobs?limit=50", key });
  expect(list.json).toMatchObject({ total: JOBS, jobs: { length: 50 } });
  expect(rssBytes() - before, "bytes more").toBeLessThan(150 * 2 ** 20);
  expect((await submit()).json["code"], "and not one more than the key may").toBe("quota/refused");
});

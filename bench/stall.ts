// The longest time the event loop of a daemon stood still for each of the largest things that can be asked of it: nobody
// is answered and nothing is noticed meanwhile.
import { setTimeout as sleep } from "node:timers/promises";
import { driveClients } from "./kit/clients.ts";
import { call, encode } from "./kit/connection.ts";
import { drain } from "./kit/drain.ts";
import { isQuick } from "./kit/figure.ts";
import { encodeBatch } from "./kit/jobs.ts";
import { installNoop } from "./kit/runtimes.ts";
import { watchDaemon } from "./kit/stall-watch.ts";

const QUEUED = isQuick ? 100_000 : 1_000_000;
const ARRAY = isQuick ? 20_000 : 100_000;
const AT_ONCE = isQuick ? 200 : 1_000;

const { home, daemon, start, stop, ask, watch } = watchDaemon();
installNoop(home, { name: "noop", slots: 32, timesFile: null });

const command = (words: readonly string[], options: object = {}, more: object = {}) => ({
  ...{ command: words, cwd: home, env: { HOME: home, PATH: process.env["PATH"] }, gpus: 1 },
  options,
  ...more,
});

const array = (options: object = {}, more: object = {}) =>
  ask<{ array: number; last: number }>(
    "POST",
    "/jobs/run-array",
    command(["echo", "{index}"], options, { array: `1-${ARRAY}`, ...more }),
  );

const cancelArray = (id: number) => ask("POST", `/arrays/${id}/cancel`, {});

const held = { hold: true };

await start("a new daemon, once it listens");
await watch("the first requests of a daemon", async () => {
  await ask("GET", "/status");
  await ask("GET", "/jobs");
  await ask("POST", "/jobs/run", command(["sleep", "3600"]));
});
// What is called for the first time is compiled first.
await driveClients(daemon(), {
  count: 16,
  total: 2_000,
  request: encode("POST", "/jobs", { runtime: "noop", params: { prompt: "a fox" }, options: held }),
});

let first = { array: 0, last: 0 };
await watch(`an array of ${ARRAY} commands`, async () => {
  first = await array(held);
});
await watch("its release", () => ask("POST", `/arrays/${first.array}/release`, {}));
await watch("its hold", () => ask("POST", `/arrays/${first.array}/hold`, {}));
await watch("its cancelling", () => cancelArray(first.array));
await watch(`a sweep of ${ARRAY} values over a runtime, as text`, async () => {
  const sweep = [`prompt=${Array.from({ length: ARRAY }, (_, index) => `value-${index}`).join(",")}`];
  first = await ask("POST", "/jobs/array", { runtime: "noop", sweep, options: held });
});
await watch("its cancelling", () => cancelArray(first.array));
await watch(`a sweep with a body of 15 MB, as JSON`, async () => {
  const text = "x".repeat(Math.floor(14e6 / ARRAY));
  const sweep = [`prompt=${JSON.stringify(Array.from({ length: ARRAY }, (_, index) => `${text}${index}`))}`];
  first = await ask("POST", "/jobs/array", {
    runtime: "noop",
    sweep,
    options: held,
    idempotencyKey: "sweep",
  });
});
if (first.array > 0) await cancelArray(first.array);
await watch("a batch of 10,000", () => ask("POST", "/jobs/batch", batchOf("a fox in the snow")));
await watch("a batch of 10,000 with 60 MB", () =>
  ask("POST", "/jobs/batch", { ...batchOf("x".repeat(6_000)), idempotencyKey: "batch" }),
);
await watch("bodies of 1 MB", async () => {
  const params = { prompt: "x".repeat(1_000_000) };
  const request = encode("POST", "/jobs", { runtime: "noop", params, options: held });
  await driveClients(daemon(), { count: 8, total: 40, request });
});
await watch("a body of 64 MB of brackets", () =>
  drain(daemon().socket, encode("POST", "/jobs/batch", { jobs: manyBrackets() })),
);

function batchOf(prompt: string) {
  return {
    jobs: Array.from({ length: 10_000 }, () => ({ runtime: "noop", params: { prompt }, options: held })),
  };
}

function manyBrackets(): unknown {
  const inner = Array.from({ length: 10_000 }, () => []);
  return Array.from({ length: 2_000 }, () => inner);
}

await watch(`${AT_ONCE} jobs waiting for one, which succeeds`, () => dependents("afterAny"));
await watch(`${ARRAY} jobs waiting for one, which is cancelled`, () => dependents("after", ARRAY));
await watch(`${ARRAY} jobs that may begin at the same time`, async () => {
  const at = Date.now() + (isQuick ? 5_000 : 25_000);
  const begun = await array({ begin: at });
  await sleep(at - Date.now() + 3_000);
  await ask("GET", "/status");
  await cancelArray(begun.array);
});
await watch(`${ARRAY} jobs with the same deadline`, async () => {
  const at = Date.now() + (isQuick ? 5_000 : 25_000);
  await array({ hold: true, deadline: at });
  await sleep(at - Date.now() + 3_000);
  await ask("GET", "/status");
});

async function dependents(kind: "after" | "afterAny", count = AT_ONCE): Promise<void> {
  const { id } = await ask<{ id: number }>("POST", "/jobs/run", command(["true"], held));
  const waiting = await array({ [kind]: [id] }, { array: `1-${count}` });
  await ask("POST", `/jobs/${id}/cancel`, {});
  await cancelArray(waiting.array);
}

await watch(`${QUEUED} jobs in batches of 1,000`, () =>
  driveClients(daemon(), { count: 2, total: QUEUED / 1_000, request: encodeBatch("noop", 1_000, false) }),
);
const newest = await ask<{ jobs: { id: number }[] }>("GET", "/jobs?limit=1");
const last = newest.jobs[0]?.id ?? 0;
const many = `, ${QUEUED} queued`;
await watch(`orch ls -n 10000${many}`, () => ask("GET", "/jobs?limit=10000"));
await watch(`orch ls of a runtime without jobs${many}`, () => ask("GET", "/jobs?limit=50&runtime=nothing"));
await watch(`orch ls --state succeeded,failed${many}`, () =>
  ask("GET", "/jobs?limit=10000&states=succeeded,failed"),
);
await watch(`orch events --after 0${many}`, () =>
  drain(daemon().socket, encode("GET", "/events?after=0"), 300e6),
);
await watch(`orch why of the last one${many}`, () => ask("GET", `/jobs/${last}/why`));
await watch(`orch plan -n 1000${many}`, () => ask("GET", "/plan?limit=1000"));
await watch(`a dry run${many}`, () => ask("POST", "/jobs/dry-run", { runtime: "noop", params: {} }));
await watch(`64 clients that update, hold and release${many}`, async () => {
  const jobs = Array.from({ length: AT_ONCE }, (_, index) => last - index);
  const connections = await Promise.all(Array.from({ length: 64 }, () => daemon().connect()));
  await Promise.all(
    connections.map(async (each) => {
      for (let id = jobs.pop(); id !== undefined; id = jobs.pop()) {
        await call(each, encode("POST", `/jobs/${id}/update`, { priority: id % 100 }));
        await call(each, encode("POST", `/jobs/${id}/hold`, {}));
        await call(each, encode("POST", `/jobs/${id}/release`, {}));
      }
      each.close();
    }),
  );
});
await watch(`submits from 64 clients${many}`, () =>
  driveClients(daemon(), {
    count: 64,
    total: 5_000,
    request: encode("POST", "/jobs", { runtime: "noop", params: { prompt: "a fox" }, options: held }),
  }),
);
await watch(`an array of ${ARRAY} commands${many}`, async () => {
  first = await array();
});
await watch(`its cancelling${many}`, () => cancelArray(first.array));
await stop();
await start(`a daemon that is started again, once it listens${many}`);
await daemon().stop();

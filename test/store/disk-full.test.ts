import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { JobView } from "../../src/protocol/views.ts";
import { Failure } from "../../src/std/failure.ts";
import { type Host, startHost } from "../kit/host.ts";
import { mountSmallDisk, type SmallDisk } from "../kit/small-disk.ts";
import { until } from "../kit/until.ts";

/** A job that ends with exit code 5 once the gate is opened. */
async function startGated(host: Host, disk: SmallDisk): Promise<{ job: JobView; open(): Promise<void> }> {
  const gate = join(disk.beside, "gate");
  execFileSync("mkfifo", [gate]);
  const job = await host.sh(`read line < ${gate}; exit 5`);
  await host.until(job.id, "running");
  const { workers } = await host.client.call("GET /workers", {});
  const pid = workers.find(({ jobs }) => jobs.includes(job.id))?.pid ?? 0;
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  return {
    job,
    async open() {
      writeFileSync(gate, "go\n");
      await until("the program has ended", () => !existsSync(`/proc/${pid}`));
    },
  };
}

/** Submits held jobs until one is refused: a little room may be left in files that are there. */
async function submitUntilRefused(host: Host): Promise<{ failure: Failure; accepted: number[] }> {
  const accepted: number[] = [];
  const filler = "x".repeat(20_000);
  while (accepted.length < 5000) {
    try {
      const env = { FILLER: `${accepted.length}${filler}` };
      accepted.push((await host.sh("true", { env, options: { hold: true } })).id);
    } catch (error) {
      if (error instanceof Failure) return { failure: error, accepted };
      throw error;
    }
  }
  throw new Error("the disk is full and yet 5000 jobs were accepted");
}

test("on a full disk jobs are refused, reads go on, nothing is lost, and it recovers [fault 7]", async ({
  skip,
}) => {
  using disk = mountSmallDisk(32);
  if (disk === null) return skip("no tmpfs can be mounted here");
  await using host = await startHost({ home: disk.path });
  const running = await startGated(host, disk);
  disk.fill();

  const { failure, accepted } = await submitUntilRefused(host);
  expect(failure.code).toBe("store/full");
  expect(failure.message).toContain(disk.path);
  expect(failure.hint).toBe(`df -h ${host.paths.stateDir}`);
  const listed = await host.client.call("GET /jobs", { limit: 10_000 });
  expect(listed.jobs.map(({ id }) => id).toReversed()).toEqual([running.job.id, ...accepted]);
  expect((await host.client.call("GET /status", {})).jobs).toMatchObject({ running: 1 });

  disk.fill(); // The refusal gave the reserve back: somebody else takes that as well.
  await submitUntilRefused(host).then((more) => accepted.push(...more.accepted));
  await running.open();
  expect((await host.client.call("GET /hello", {})).pid, "the daemon lives").toBe(host.pid());

  disk.clear();
  expect((await host.until(running.job.id, "failed")).exitCode).toBe(5);
  const next = await host.sh("true");
  await host.until(next.id, "succeeded");
  const reserve = join(host.paths.stateDir, "reserve");
  await until("the reserve is set aside again", () => existsSync(reserve));

  await host.kill();
  await host.start();
  expect((await host.client.call("GET /jobs", { limit: 1 })).total).toBe(accepted.length + 2);
}, 60_000);

test("on a disk that is just full the reserve is enough to record the end of what runs [fault 7]", async ({
  skip,
}) => {
  using disk = mountSmallDisk(32);
  if (disk === null) return skip("no tmpfs can be mounted here");
  await using host = await startHost({ home: disk.path });
  const running = await startGated(host, disk);
  disk.fill();
  await running.open();
  const ended = await host.until(running.job.id, "failed");
  expect(ended.exitCode, "though the disk is still full").toBe(5);
}, 60_000);

// No-op jobs through one warm Python worker: what orch and its SDK cost per job.
import { startDaemon } from "./kit/daemon.ts";
import { openDisk, ratePerSecond } from "./kit/disk.ts";
import { isQuick, perSecond, report } from "./kit/figure.ts";
import { submitMany, untilSucceeded } from "./kit/jobs.ts";
import { installNoop } from "./kit/runtimes.ts";

const disk = openDisk();
// With many slots the commits of jobs that end together are one; with a single one each job waits for its own.
await measure({ slots: 32, count: isQuick ? 3000 : 10_000, target: 1500 });
await measure({ slots: 1, count: isQuick ? 500 : 2000, target: null });
disk.close();

async function measure(options: { slots: number; count: number; target: number | null }): Promise<void> {
  const { slots, count, target } = options;
  const daemon = await startDaemon();
  installNoop(daemon.home, { name: "noop", slots, timesFile: null });
  const connection = await daemon.connect();
  const warmUp = 500;
  await submitMany(connection, { runtime: "noop", count: warmUp });
  await untilSucceeded(connection, warmUp);
  const commits = disk.commits(500);
  const startMs = performance.now();
  await submitMany(connection, { runtime: "noop", count });
  await untilSucceeded(connection, warmUp + count);
  const rate = (count / (performance.now() - startMs)) * 1000;
  report({
    name: `no-op jobs, one warm worker, ${slots} slot${slots === 1 ? "" : "s"}`,
    target: target === null ? "(for comparison)" : `≥ ${target.toLocaleString("en-US")} /s`,
    measured: perSecond(rate),
    met: target === null ? null : rate >= target,
    baseline: `bare SQLite commits: ${perSecond(ratePerSecond(commits))}`,
  });
  connection.close();
  await daemon.stop();
}

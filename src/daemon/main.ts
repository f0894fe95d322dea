import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { setFlagsFromString } from "node:v8";
import type { Config } from "../config/config.ts";
import type { Paths } from "../config/paths.ts";
import { ensureRunDir, makePrivateDir } from "../config/run-dir.ts";
import { createProbe } from "../gpu/detect.ts";
import { operations } from "../operations/index.ts";
import { pendingEffects } from "../scheduler/restore.ts";
import { systemClock } from "../std/clock.ts";
import { createSteadyClock } from "../std/steady-clock.ts";
import { openDatabase, takeLock } from "../store/database.ts";
import { createQueries, type Queries } from "../store/queries.ts";
import { assemble } from "./assemble.ts";
import { watchHome } from "./home-watch.ts";
import { openLog } from "./open-log.ts";
import { loadPeerCredentials } from "./peer-credentials.ts";
import { sweepOrphans } from "./recover.ts";
import { startServer } from "./server.ts";
import { removeStale } from "./tidy-up.ts";
import { userNameOf } from "./user-name.ts";

export interface DaemonOptions {
  readonly paths: Paths;
  readonly config: Config;
  /** A line for people on stderr. */
  readonly log: (line: string) => void;
}

/**
 * Runs the daemon until it is told to stop: the one place where everything is put together.
 * @returns the exit code of the process.
 * @throws Failure when it cannot start; nothing is left behind then.
 */
export async function runDaemon({ paths, config, log: say }: DaemonOptions): Promise<number> {
  // V8 lets a heap grow by as much again before it collects: a burst of submits would stay in memory as garbage. By half is
  // 5 % slower and a third smaller (400,000 queued: 232 instead of 360 MB).
  setFlagsFromString("--heap-growing-percent=50");
  for (const dir of [paths.stateDir, paths.jobsDir, paths.workersDir, paths.cacheDir]) makePrivateDir(dir);
  ensureRunDir(paths, process.getuid?.() ?? 0);
  const lock = takeLock(paths.lockFile);
  try {
    return await runLocked(paths, config, say);
  } finally {
    lock.release();
  }
}

async function runLocked(paths: Paths, config: Config, say: (line: string) => void): Promise<number> {
  const log = openLog(paths.daemonLog, config.logLevel);
  const clock = createSteadyClock(systemClock);
  const db = openDatabase(paths.database);
  const { probe, detail } = await createProbe(config.gpus);
  const parts = assemble({ paths, config, clock, db, probe, log, instanceId: instanceOf(createQueries(db)) });
  const { loop, sampler, ctx, predictor, engine, end } = parts;
  await sweepOrphans(engine, loop.state(), ctx.host.instance, log);
  loop.resume(pendingEffects(loop.state()));
  await sampler.start();
  const home = watchHome(ctx.runtimes, ctx.ask);
  await home.look();
  predictor.start();
  const identifyPeer = loadPeerCredentials();
  if (identifyPeer === null)
    log.warn("koffi cannot be loaded: callers are told apart by the socket's folder alone");
  const owner = { uid: ctx.host.uid, user: userNameOf(ctx.host.uid) };
  const server = await startServer({
    socketPath: paths.socket,
    operations,
    ctx,
    identifyPeer,
    owner,
    log,
  });
  say(`orch is ready: pid ${process.pid}, ${detail}, socket ${paths.socket}`);
  void removeStale(parts.places, paths.workersDir, loop.state());
  log.info({ version: ctx.host.version, gpus: detail }, "ready");
  const exitCode = await end;
  home.stop();
  predictor.stop();
  await server.close();
  fs.rmSync(paths.socket, { force: true });
  loop.stop();
  await sampler.stop();
  await probe.close();
  db.close();
  log.info({ exitCode }, "stopped");
  log.flush();
  return exitCode;
}

/** Names this state directory for ever: programs carry it, so that strangers are told from our own. */
function instanceOf(queries: Queries): string {
  const known = queries.meta("instance");
  if (known !== undefined) return known;
  const fresh = randomUUID();
  queries.setMeta("instance", fresh);
  return fresh;
}

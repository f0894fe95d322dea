import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { dirname } from "node:path";
import { setFlagsFromString } from "node:v8";
import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import type { Paths } from "../config/paths.ts";
import { ensureRunDir, makePrivateDir } from "../config/run-dir.ts";
import { ensureSharedDir } from "../config/shared-dir.ts";
import { readBootId } from "../engine/identity.ts";
import { createProbe } from "../gpu/detect.ts";
import type { Context } from "../operations/context.ts";
import { operations } from "../operations/index.ts";
import { pendingEffects } from "../scheduler/restore.ts";
import { type Clock, sinceBootMs, systemClock } from "../std/clock.ts";
import { createSteadyClock } from "../std/steady-clock.ts";
import { carryOverClockJump } from "../store/clock-jump.ts";
import { type Database, openDatabase, openReader, takeLock } from "../store/database.ts";
import { createQueries, type Queries } from "../store/queries.ts";
import { assemble } from "./assemble.ts";
import { sweepContainers } from "./containers/sweep-containers.ts";
import { type IdentifyPeer, loadPeerCredentials } from "./http/peer-credentials.ts";
import { type ApiServer, startServer } from "./http/server.ts";
import { createKeyBook } from "./key-book.ts";
import { openLog } from "./logs/open-log.ts";
import { watchLoop } from "./loop-watch.ts";
import { openGateway } from "./open-gateway.ts";
import { sweepOrphans } from "./recover.ts";
import { checkHandedSocket, takeListenFds } from "./service-manager/handed-socket.ts";
import { meetServiceManager, type ServiceManager } from "./service-manager/service-manager.ts";
import { watchStore } from "./store-watch.ts";
import { openTasks } from "./tasks/open-tasks.ts";
import { removeStale } from "./tidy-up.ts";
import { admitOwner } from "./users/admit.ts";
import { openWorkerCgroups, tidyCgroups } from "./users/open-cgroups.ts";
import { userNameOf } from "./users/user-name.ts";
import { canRun, openFolders, openUsers, type Users } from "./users/users.ts";
import { watchHome } from "./workers/home-watch.ts";
import { stopBroken } from "./workers/stop-worker.ts";

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
  const identifyPeer = loadPeerCredentials();
  const canIdentify = identifyPeer !== null;
  const uid = process.getuid?.() ?? 0;
  const manager = meetServiceManager(process.env, process.pid);
  const listenFds = takeListenFds(process.env, process.pid);
  const users = await openUsers(config, { uid, canIdentify, clock: systemClock });
  if (users === null) ensureRunDir(paths, uid);
  else ensureSharedDir(dirname(paths.socket), users.gid);
  const handedFd = checkHandedSocket(listenFds, { path: paths.socket, uid, gid: users?.gid ?? null });
  const lock = takeLock(paths.lockFile);
  try {
    if (users !== null) openFolders(paths, users);
    return await runLocked({ paths, config, log: say }, { users, identifyPeer, handedFd, manager });
  } finally {
    lock.release();
  }
}

interface Doors {
  readonly users: Users | null;
  readonly identifyPeer: IdentifyPeer | null;
  /** Of the socket that a service manager opened; null = the daemon opens its own. */
  readonly handedFd: number | null;
  readonly manager: ServiceManager;
}

async function runLocked({ paths, config, log: say }: DaemonOptions, doors: Doors): Promise<number> {
  const { users, handedFd, manager } = doors;
  const log = openLog(paths.daemonLog, config.logLevel);
  const clock = createSteadyClock(systemClock);
  const db = openDatabase(paths.database);
  carryOver(db, clock, log);
  const { probe, detail } = await createProbe(config.gpus);
  const instanceId = instanceOf(createQueries(db));
  const cgroups = openWorkerCgroups(config, instanceId, log);
  const reader = openReader(paths.database);
  const watch = watchLoop(log, clock);
  const storeWatch = watchStore(paths.database, log, (failure) => {
    say(`error: ${failure.message}`);
    parts.crash(failure);
  });
  const health = () => ({ longestStallMs: watch.longestMs(), walBytes: storeWatch.walBytes() });
  const crash = (error: unknown): void => parts.crash(error);
  const keys = createKeyBook({ db, reader, clock, crash });
  const books = openTasks({ config, stateDir: paths.stateDir, db, reader, clock, log, crash });
  const parts = assemble({
    ...{ paths, config, clock, db, reader, keys, tasks: books.tasks },
    ...{ watch, health, walBytes: storeWatch.walBytes, probe, log, instanceId, users, cgroups },
  });
  const { loop, sampler, ctx, predictor, history, engine, end } = parts;
  const gateway = openGateway({
    ...{ config, users, ctx, keys, log, desk: parts.desk },
    ...{ routed: books.routed, clientJobs: books.clientJobs },
    meter: parts.metrics.requests,
    sign: parts.outside.sign,
  });
  await sweepOrphans(engine, loop.state(), ctx.host.instance, log);
  await sweepContainers(parts.world, loop.state());
  tidyCgroups(cgroups, loop.state());
  loop.resume(pendingEffects(loop.state()));
  await sampler.start();
  const home = watchHome({ list: () => ctx.runtimes.list().filter((each) => canRun(users, each)) }, ctx.ask);
  await home.look();
  predictor.start();
  parts.world.logs.start();
  parts.world.sharedGpus.start((workerId, why) => void stopBroken(parts.world, workerId, why));
  books.tasks.start(ctx);
  const server = await serveApi({ paths, ctx, log, ...doors });
  parts.outside.start();
  await gateway.open(say);
  manager.ready(() => `${countJobs(ctx.queries)}; ${detail}`);
  say(`orch is ready: pid ${process.pid}, ${detail}, socket ${paths.socket}`);
  void removeStale(parts.places, paths.workersDir, loop.state());
  log.info({ version: ctx.host.version, gpus: detail }, "ready");
  const exitCode = await end;
  manager.stopping();
  home.stop();
  predictor.stop();
  parts.world.logs.stop();
  await parts.world.sharedGpus.stop();
  books.tasks.stop();
  await gateway.close();
  await server.close();
  await parts.outside.stop();
  if (handedFd === null) fs.rmSync(paths.socket, { force: true });
  loop.stop();
  await parts.metrics.stop();
  await parts.world.containers.ended.flush();
  await sampler.stop();
  history.stop();
  await probe.close();
  closeStore([storeWatch, watch], [reader, db]);
  log.info({ exitCode }, "stopped");
  log.flush();
  return exitCode;
}

/** Nothing is written any more. */
function closeStore(watches: readonly { stop(): void }[], connections: readonly Database[]): void {
  for (const each of watches) each.stop();
  for (const each of connections) each.close();
}

/** Before anything is read: what the last daemon wrote is by a clock that may have been set since. */
function carryOver(db: Database, clock: Clock, log: Logger): void {
  const jumpMs = carryOverClockJump(db, {
    bootId: readBootId(),
    nowMs: clock.nowMs(),
    sinceBootMs: sinceBootMs(),
  });
  if (jumpMs !== 0) log.warn({ jumpMs }, "the host's clock was set: times that count on are moved with it");
}

interface Api extends Doors, Pick<DaemonOptions, "paths"> {
  readonly ctx: Context;
  readonly log: Logger;
}

/** For one line: what runs and what waits. */
function countJobs(queries: Queries): string {
  const { running = 0, queued = 0 } = queries.counts();
  return `${running} running, ${queued} queued`;
}

function serveApi({ paths, ctx, users, identifyPeer, handedFd, log }: Api): Promise<ApiServer> {
  if (identifyPeer === null)
    log.warn("koffi cannot be loaded: callers are told apart by the socket's folder alone");
  const owner = { uid: ctx.host.uid, user: userNameOf(ctx.host.uid) };
  const socket = { path: paths.socket, gid: users?.gid ?? null };
  const admit = users?.admit ?? admitOwner(owner);
  return startServer({ socket, handedFd, operations, ctx, identifyPeer, owner, admit, log });
}

/** Names this state directory for ever: programs carry it, so that strangers are told from our own. */
function instanceOf(queries: Queries): string {
  const known = queries.meta("instance");
  if (known !== undefined) return known;
  const fresh = randomUUID();
  queries.setMeta("instance", fresh);
  return fresh;
}

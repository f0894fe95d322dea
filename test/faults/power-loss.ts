import { execFileSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { createRng, type Rng } from "../../src/std/rng.ts";
import { findWalDamage } from "../../src/store/check-wal.ts";
import { createOrchHome, type OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";

export interface PowerOptions {
  readonly seed: number;
  readonly rounds: number;
}

export interface PowerReport {
  /** What was acknowledged and is gone, or is otherwise wrong. Ends at the first. */
  readonly violations: readonly string[];
  readonly acknowledged: number;
}

const PAGE_BYTES = 4096;
const CLIENTS = 3;

/** Builds the disk whose cache is lost; gives the path of the library, for LD_PRELOAD. @throws where there is no cc */
export function buildWriteCache(): { path: string; [Symbol.dispose](): void } {
  const dir = mkdtempSync(join(tmpdir(), "orch-power-"));
  const path = join(dir, "write-cache.so");
  const source = join(import.meta.dirname, "../fixtures/power/write-cache.c");
  execFileSync("cc", [
    "-shared",
    "-fPIC",
    "-O1",
    "-Wall",
    "-Werror",
    "-o",
    path,
    source,
    "-ldl",
    "-lpthread",
  ]);
  return { path, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

/**
 * Cuts the power of a host on which clients submit, again and again: every process is killed, what was not synced is
 * lost, but for some pages, by chance, that the disk had written out of order. Then looks for what was acknowledged.
 */
export async function losePower(bin: string, library: string, options: PowerOptions): Promise<PowerReport> {
  await using home = createOrchHome(bin, { ORCH_GPUS: "virtual:1x1GiB", ORCH_CPU_CORES: "2" });
  const rng = createRng(options.seed);
  const acknowledged = new Map<number, string>();
  const first = await home.daemon();
  first.signal("SIGTERM");
  await first.ended; // The database is made, and whole.
  for (let round = 0; round < options.rounds; round++) {
    keepAll(home.database);
    const found = await live(home, library, rng, acknowledged);
    losses(home.database, rng);
    const violations = [...found, ...look(home.database, acknowledged)];
    if (violations.length > 0) return { violations, acknowledged: acknowledged.size };
  }
  return { violations: [], acknowledged: acknowledged.size };
}

const filesOf = (database: string): string[] => [database, `${database}-wal`];

/** All that there is counts as synced. */
function keepAll(database: string): void {
  for (const file of filesOf(database)) {
    rmSync(`${file}.durable`, { force: true });
    if (existsSync(file)) copyFileSync(file, `${file}.durable`);
  }
}

/** One daemon under load until the power goes. Gives what went wrong before that. */
async function live(
  home: OrchHome,
  library: string,
  rng: Rng,
  acknowledged: Map<number, string>,
): Promise<string[]> {
  const daemon = home.spawn(["daemon"], { env: { LD_PRELOAD: library } });
  await until(
    "it is ready",
    () => {
      if (daemon.child.exitCode !== null) throw new Error(`the daemon did not start: ${daemon.stderr()}`);
      return daemon.stderr().includes("orch is ready");
    },
    30_000,
  );
  const state = { isOn: true };
  const clients = Array.from({ length: CLIENTS }, (_, client) =>
    submitUntilOff(home, state, client, acknowledged),
  );
  const offAtMs = performance.now() + 150 + rng.below(500);
  await until("the power goes", () => performance.now() > offAtMs);
  daemon.child.kill("SIGKILL");
  state.isOn = false;
  await daemon.ended;
  await Promise.all(clients);
  for (const program of home.programs()) killIfThere(program);
  await until("nothing runs", () => home.programs().length === 0);
  return [];
}

async function submitUntilOff(
  home: OrchHome,
  state: { isOn: boolean },
  client: number,
  acknowledged: Map<number, string>,
): Promise<void> {
  for (let number = 0; state.isOn; number++) {
    const label = `${client}-${acknowledged.size}-${number}`;
    const { id } = await home.client
      .call("POST /jobs/run", {
        ...{
          command: ["true"],
          cwd: home.dir,
          env: {},
          gpus: 0,
          vramBytes: null,
          mode: "exclusive" as const,
        },
        options: { hold: number % 4 !== 0, label },
      })
      .catch(() => ({ id: 0 }));
    if (id > 0) acknowledged.set(id, label);
  }
}

/** Puts what was synced in the place of what was written, and some of the rest: any of its pages. */
function losses(database: string, rng: Rng): void {
  rmSync(`${database}-shm`, { force: true });
  const share = rng.pick([0, 0, 0.5, 0.9]);
  for (const file of filesOf(database)) {
    const durable = `${file}.durable`;
    if (!existsSync(durable)) {
      rmSync(file, { force: true });
      continue;
    }
    if (existsSync(file)) keepSome(file, durable, share, rng);
    copyFileSync(durable, file);
  }
}

function keepSome(file: string, durable: string, share: number, rng: Rng): void {
  const from = openSync(file, "r");
  const to = openSync(durable, "r+");
  const pages = Math.ceil(fstatSync(from).size / PAGE_BYTES);
  const [written, synced] = [Buffer.alloc(PAGE_BYTES), Buffer.alloc(PAGE_BYTES)];
  for (let page = 0; page < pages; page++) {
    const bytes = readSync(from, written, 0, PAGE_BYTES, page * PAGE_BYTES);
    const known = readSync(to, synced, 0, PAGE_BYTES, page * PAGE_BYTES);
    const isSame = known >= bytes && written.subarray(0, bytes).equals(synced.subarray(0, bytes));
    if (!isSame && rng.chance(share)) writeSync(to, written, 0, bytes, page * PAGE_BYTES);
  }
  closeSync(from);
  closeSync(to);
}

function look(database: string, acknowledged: ReadonlyMap<number, string>): string[] {
  // What SQLite may drop after power loss was never acknowledged: no reason to refuse a start.
  const damage = findWalDamage(database);
  if (damage !== null) return [`the end of a commit is taken for damage: ${damage}`];
  let db: Sqlite.Database;
  try {
    db = new Sqlite(database);
    const verdict = db.pragma("integrity_check(1)", { simple: true });
    if (verdict !== "ok") return [`the database is damaged: ${String(verdict)}`];
  } catch (error) {
    return [`the database cannot be opened: ${String(error)}`];
  }
  const rows = db.prepare("SELECT id, label FROM jobs").all() as { id: number; label: string }[];
  const labels = new Map(rows.map(({ id, label }) => [id, label]));
  const shared = db
    .prepare("SELECT gpu FROM leases WHERE released_at IS NULL GROUP BY gpu HAVING COUNT(*) > 1")
    .all();
  db.close();
  const lost = [...acknowledged].filter(([id, label]) => labels.get(id) !== label);
  return [
    ...lost
      .slice(0, 3)
      .map(([id, label]) => `I1: job ${id} (${label}) was acknowledged; on disk it is ${labels.get(id)}`),
    ...(shared.length > 0 ? ["I2: a GPU has several live leases"] : []),
  ];
}

/** Programs end by themselves all the time, also between a look and a word. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

import fs from "node:fs";
import path from "node:path";
import { isWebAddress } from "../../runtime/check-file.ts";
import { errnoOf } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { giveTo } from "../users/ownership.ts";
import type { Contact, Exchange } from "../workers/contact.ts";
import type { World } from "../world.ts";

/** What a job hands to its worker of files, and where the worker puts its own. */
export interface JobFiles {
  readonly params: Readonly<Record<string, Json>>;
  readonly outputDir: string;
  /** To be called once the job is over: what the worker left becomes the job's output. */
  takeOut(): Promise<void>;
}

type Params = Readonly<Record<string, Json>>;

/**
 * A resident worker in a container sees none of the host's files, so those of a job go in and out through a folder that
 * it shares with the daemon; it lies beside the state, so what comes out is renamed and not copied. A job that is
 * attached to again finds its files where they were. Workers that are no containers use the job's own folder.
 * @throws the system's error when a file cannot be copied
 */
export async function exchangeFiles(
  world: World,
  contact: Contact,
  { jobId, params }: { readonly jobId: number; readonly params: Params },
): Promise<JobFiles> {
  const jobOutputDir = world.places.jobOutputDir(jobId);
  const { exchange } = contact;
  if (!exchange) return { params, outputDir: jobOutputDir, takeOut: () => Promise.resolve() };
  const { dir, outputDir } = makeExchangeFolder(world, exchange, String(jobId));
  const inside = { ...params };
  for (const name of exchange.fileParams) {
    const file = params[name];
    if (typeof file !== "string" || isWebAddress(file)) continue;
    inside[name] = await copyIn(world, exchange, path.join(dir, "in", name), file);
  }
  const takeOut = async (): Promise<void> => {
    await moveOut(outputDir, jobOutputDir);
    await fs.promises.rm(dir, { recursive: true, force: true });
  };
  return { params: inside, outputDir, takeOut };
}

/** A folder of the exchange in which the worker may write to `outputDir`. */
export function makeExchangeFolder(world: World, exchange: Exchange, name: string) {
  const dir = path.join(exchange.dir, name);
  const outputDir = path.join(dir, "out");
  fs.mkdirSync(outputDir, { recursive: true, mode: 0o711 });
  openTo(world, exchange, outputDir, 0o700, 0o777);
  return { dir, outputDir };
}

/** Shares blocks with the file where the file system can. */
async function copyIn(world: World, exchange: Exchange, dir: string, file: string): Promise<string> {
  const copy = path.join(dir, path.basename(file));
  if (fs.existsSync(copy)) return copy;
  fs.mkdirSync(dir, { recursive: true, mode: 0o711 });
  const partial = `${copy}.part`;
  await fs.promises.copyFile(file, partial, fs.constants.COPYFILE_FICLONE);
  openTo(world, exchange, partial, 0o400, 0o444);
  await fs.promises.rename(partial, copy);
  return copy;
}

/** Lets the container's user at it: by ownership where that user is one of ours, else by mode. No stranger gets this far. */
function openTo(world: World, { isOurUser }: Exchange, file: string, ours: number, others: number): void {
  fs.chmodSync(file, isOurUser ? ours : others);
  const worker = world.users?.worker;
  if (isOurUser && worker) giveTo(file, worker.account);
}

/** An attempt that was handed over once more may find that its output is out already. */
async function moveOut(from: string, to: string): Promise<void> {
  const names = await fs.promises.readdir(from).catch((error: unknown): string[] => {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  });
  if (names.length === 0) return;
  await fs.promises.rm(to, { recursive: true, force: true });
  await fs.promises.mkdir(path.dirname(to), { recursive: true, mode: 0o700 });
  await fs.promises.rename(from, to);
}

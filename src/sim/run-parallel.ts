import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { addSums, type Block, type BlockResult, noSums, runBlock, type Sums } from "./run-block.ts";

/** Seeds that a thread is given at a time: enough that handing out costs nothing, few enough that all end together. */
const BLOCK_SEEDS = 50;
const THREAD_MARK = "orch-sim-thread";

/** What came of many seeds. `failedSeed` is the lowest that failed, however the threads shared the work. */
export interface ManyResult extends Sums {
  readonly failedSeed: number | null;
}

/**
 * Runs seeds on `threads` threads of this very bundle, in blocks from the lowest on. After a failure no further blocks are
 * handed out, but lower ones are finished: the answer does not depend on who was faster.
 * @param onBlock called with the sums so far after each block
 */
export async function runParallel(
  seeds: Block,
  threads: number,
  onBlock: (sums: Sums) => void,
): Promise<ManyResult> {
  const sums = noSums();
  const endSeed = seeds.from + seeds.count;
  let nextSeed = seeds.from;
  let failedSeed: number | null = null;
  const takeBlock = (): Block | undefined => {
    if (failedSeed !== null || nextSeed >= endSeed) return undefined;
    const block = { from: nextSeed, count: Math.min(BLOCK_SEEDS, endSeed - nextSeed) };
    nextSeed += block.count;
    return block;
  };
  const work = async (run: (block: Block) => BlockResult | Promise<BlockResult>): Promise<void> => {
    for (let block = takeBlock(); block !== undefined; block = takeBlock()) {
      const result = await run(block);
      addSums(sums, result);
      if (result.failedSeed !== null) failedSeed = Math.min(failedSeed ?? endSeed, result.failedSeed);
      onBlock(sums);
    }
  };
  if (threads === 1) await work(runBlock);
  else await Promise.all(Array.from({ length: threads }, () => withThread(work)));
  return { ...sums, failedSeed };
}

type Work = (run: (block: Block) => Promise<BlockResult>) => Promise<void>;

/** Does the work on a thread of its own. @throws Error when the thread dies. */
async function withThread(work: Work): Promise<void> {
  const thread = new Worker(fileURLToPath(import.meta.url), { workerData: THREAD_MARK, execArgv: [] });
  const died = new Promise<never>((_, reject) => {
    thread.once("error", reject);
    thread.once("exit", (code) =>
      reject(new Error(`a thread of the simulator ended with exit code ${code}`)),
    );
  });
  try {
    await work((block) => {
      const answer = new Promise<BlockResult>((resolve) => thread.once("message", resolve));
      thread.postMessage(block);
      return Promise.race([answer, died]);
    });
  } finally {
    died.catch(() => undefined); // From here on it is ended by us.
    await thread.terminate();
  }
}

/** In a thread that `runParallel` made: runs the blocks it is sent. Elsewhere it does nothing. */
export function serveBlocks(): void {
  if (isMainThread || workerData !== THREAD_MARK) return;
  parentPort?.on("message", (block: Block) => parentPort?.postMessage(runBlock(block)));
}

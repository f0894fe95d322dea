import type { Client } from "../../src/client/client.ts";
import { type Bench, install } from "./steps.ts";
import { holdTwice, weightsRuntime } from "./torch.ts";
import { endWorker, eventTexts, runJob } from "./workers.ts";

/** What became of two programs that want 60 % of one GPU each. */
export interface Proof {
  readonly bytes: number;
  /** Started by hand at the same time: what each said. */
  readonly byHand: readonly string[];
  /** Under orch, alternating: jobs that ran, why others failed, and what took their place how often. */
  readonly jobs: number;
  readonly failures: readonly string[];
  readonly switches: number;
}

/** Of the GPU, each. */
export const SHARE = 0.6;
const BLOCK_BYTES = 256 * 2 ** 20;

/**
 * Uses two workers of 60 % of the GPU in turn, and starts the same two by hand.
 * @param turns how often each is used
 * @param sleeps whether they make room by sleeping; each then keeps its copy in the host's memory
 */
export async function proveTwoWorkers(bench: Bench, turns: number, sleeps: boolean): Promise<Proof> {
  const { client, home, floors, contextBytes } = bench;
  const bytes = wholeBlocks(floors.totalBytes * SHARE);
  const names = ["left", "right"];
  const sleep = sleeps ? `{ residue: ${contextBytes}B, ram: ${bytes}B, timeout: 5m }` : "false";
  // Together with what its context takes it is still far less than the whole GPU.
  for (const name of names)
    install(home, name, weightsRuntime(name, { bytes, vramBytes: bytes + contextBytes, sleep }));
  const failures: string[] = [];
  for (let turn = 0; turn < turns; turn++) {
    for (const name of names) {
      const why = await runJob(client, name);
      if (why !== null) failures.push(why);
    }
  }
  const switches = await countSwitches(client);
  for (const name of names) await endWorker(client, name);
  return { bytes, byHand: await holdTwice(bytes), jobs: turns * names.length, failures, switches };
}

/** Starts and wakings after the first one. */
async function countSwitches(client: Client): Promise<number> {
  const texts = await eventTexts(client, /^worker-(starting|waking)$/);
  return texts.filter((text) => /\b(left|right)\b/.test(text)).length - 1;
}

function wholeBlocks(bytes: number): number {
  return bytes < BLOCK_BYTES ? Math.floor(bytes) : Math.floor(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

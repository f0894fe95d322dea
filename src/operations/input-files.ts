import type { Submission } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import { isWebAddress } from "../runtime/check-file.ts";
import type { Json } from "../std/json.ts";
import type { Context } from "./context.ts";
import { refuseOtherRuntime } from "./key-limits.ts";

/**
 * The params of a submission with its files on this host: what a caller with a key names by an address is fetched, as far as
 * the gateway goes there, and what is written out as a data URL is stored. No GPU is held meanwhile. Others' stay as they are.
 * @throws Failure param/invalid, file/unreadable, store/full
 */
export async function bringFiles(
  ctx: Context,
  submission: Pick<Submission, "runtime" | "params">,
  caller: Caller,
  signal: AbortSignal,
): Promise<Submission["params"]> {
  const { runtime: name, params } = submission;
  if (caller.key === undefined) return params;
  refuseOtherRuntime(caller, name);
  const declared = ctx.runtimes.get(name).params;
  const brought: Record<string, Json> = {};
  for (const [param, value] of Object.entries(params)) {
    const isFile = Object.hasOwn(declared, param) && declared[param]?.type === "file";
    const isForeign = typeof value === "string" && (isWebAddress(value) || /^data:/i.test(value));
    brought[param] = isFile && isForeign ? await bring(ctx, param, value, caller, signal) : value;
  }
  return brought;
}

async function bring(
  ctx: Context,
  param: string,
  value: string,
  { uid }: Caller,
  signal: AbortSignal,
): Promise<string> {
  const from = { what: `param "${param}"`, value, signal };
  return (await ctx.inputFiles.take(uid, from)).path;
}

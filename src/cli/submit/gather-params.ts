import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { RuntimeView } from "../../protocol/views.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import type { Context } from "../context.ts";
import { type FileSource, paramsFromPairs, paramsFromText, resolveFiles } from "./params.ts";

/** What is given of parameters, beside the runtime's own flags. */
interface Given {
  readonly params?: string;
  readonly param?: readonly string[];
  /** Files on the web stay addresses, for whoever runs the job to fetch. */
  readonly keepsAddresses: boolean;
}

/** The parameters of a job from --params, --param and the runtime's own flags, the later ones winning. */
export async function gatherParams(
  context: Context,
  runtime: RuntimeView,
  given: Given,
  fromFlags: Readonly<Record<string, Json>>,
): Promise<Record<string, Json>> {
  const params = {
    ...(given.params === undefined
      ? {}
      : await paramsFromText(await readSource(context, given.params), given.params)),
    ...paramsFromPairs(runtime, given.param ?? []),
    ...fromFlags,
  };
  return resolveFiles(runtime, params, {
    cwd: context.io.cwd,
    spool: spoolOnce(context, given.params === "-"),
    fetch: given.keepsAddresses ? async (address) => address : fetchInto(context),
  });
}

/** Fetches files on the web into the cache folder. */
export function fetchInto(context: Context): FileSource["fetch"] {
  return async (address) => (await import("./spool.ts")).spoolAddress(context, address);
}

function spoolOnce({ paths, io }: Context, isUsed: boolean): FileSource["spool"] {
  let spooled = isUsed;
  return async () => {
    if (spooled)
      throw new Failure("usage/invalid", "stdin can be used once only", {
        hint: "name a file instead of -",
      });
    spooled = true;
    return (await import("./spool.ts")).spoolStdin(paths().cacheDir, io.stdin);
  };
}

async function readSource({ io }: Context, source: string): Promise<string> {
  if (source === "-") return (await import("./spool.ts")).readStdin(io.stdin);
  try {
    return readFileSync(resolve(io.cwd, source), "utf8");
  } catch (error) {
    const missing = errnoOf(error) === "ENOENT";
    throw new Failure(missing ? "file/missing" : "file/unreadable", `cannot read ${source}`, {
      why: missing ? "there is no such file" : (errnoOf(error) ?? String(error)),
    });
  }
}

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { RuntimeView } from "../../protocol/views.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import type { Context } from "../context.ts";
import { paramsFromJson, paramsFromPairs, resolveFiles } from "./params.ts";

/** The parameters of a job from --params, --param and the runtime's own flags, the later ones winning. */
export async function gatherParams(
  context: Context,
  runtime: RuntimeView,
  flags: { readonly params?: string; readonly param?: readonly string[] },
  fromFlags: Readonly<Record<string, Json>>,
): Promise<Record<string, Json>> {
  const { io } = context;
  const params = {
    ...(flags.params === undefined
      ? {}
      : paramsFromJson(await readSource(context, flags.params), flags.params)),
    ...paramsFromPairs(runtime, flags.param ?? []),
    ...fromFlags,
  };
  let spooled = flags.params === "-";
  return resolveFiles(runtime, params, {
    cwd: io.cwd,
    spool: async () => {
      if (spooled)
        throw new Failure("usage/invalid", "stdin can be used once only", {
          hint: "name a file instead of -",
        });
      spooled = true;
      const { spoolStdin } = await import("./stdin.ts");
      return spoolStdin(context.paths().cacheDir, io.stdin);
    },
  });
}

async function readSource({ io }: Context, source: string): Promise<string> {
  if (source === "-") return (await import("./stdin.ts")).readStdin(io.stdin);
  try {
    return readFileSync(resolve(io.cwd, source), "utf8");
  } catch (error) {
    const missing = errnoOf(error) === "ENOENT";
    throw new Failure(missing ? "file/missing" : "file/unreadable", `cannot read ${source}`, {
      why: missing ? "there is no such file" : (errnoOf(error) ?? String(error)),
    });
  }
}

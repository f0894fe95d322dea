import { randomUUID } from "node:crypto";
import { createWriteStream, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { makePrivateDir } from "../config/run-dir.ts";
import type { RuntimeView } from "../protocol/views.ts";
import { errnoOf, Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import type { Context } from "./context.ts";
import { paramsFromJson, paramsFromPairs, resolveFiles } from "./params.ts";

/** The parameters of a job from --params, --param and the runtime's own flags, the later ones winning. */
export async function gatherParams(
  context: Context,
  runtime: RuntimeView,
  flags: { readonly params?: string; readonly param?: readonly string[] },
  fromFlags: Readonly<Record<string, Json>>,
): Promise<Record<string, Json>> {
  const { cwd, stdin } = context.io;
  const params = {
    ...(flags.params === undefined
      ? {}
      : paramsFromJson(await readSource(context, flags.params), flags.params)),
    ...paramsFromPairs(runtime, flags.param ?? []),
    ...fromFlags,
  };
  let spooled = flags.params === "-";
  return resolveFiles(runtime, params, {
    cwd,
    spool: () => {
      if (spooled)
        throw new Failure("usage/invalid", "stdin can be used once only", {
          hint: "name a file instead of -",
        });
      spooled = true;
      return spoolStdin(context.paths().cacheDir, stdin);
    },
  });
}

/** Keeps what comes on stdin in a file of the cache folder, readable by this user only, and returns its path. */
async function spoolStdin(cacheDir: string, stdin: Context["io"]["stdin"]): Promise<string> {
  const dir = join(cacheDir, "stdin");
  makePrivateDir(dir);
  const path = join(dir, randomUUID());
  await pipeline(stdin, createWriteStream(path, { mode: 0o600 }));
  return path;
}

async function readSource({ io }: Context, source: string): Promise<string> {
  if (source === "-") return readAll(io.stdin);
  try {
    return readFileSync(resolve(io.cwd, source), "utf8");
  } catch (error) {
    const missing = errnoOf(error) === "ENOENT";
    throw new Failure(missing ? "file/missing" : "file/unreadable", `cannot read ${source}`, {
      why: missing ? "there is no such file" : (errnoOf(error) ?? String(error)),
    });
  }
}

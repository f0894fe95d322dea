import type { Caller } from "../protocol/operation.ts";
import { isWebAddress } from "../runtime/check-file.ts";
import { checkParams } from "../runtime/check-params.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import type { Context } from "./context.ts";
import { refuseFileOfKey, refuseOtherRuntime } from "./key-limits.ts";

/**
 * As `checkParams`, of a caller who may be another user than the one whose worker will read the files that are named: what
 * the caller may not read, that one is not asked to, and nobody is told whether it is there.
 * @throws Failure param/…, file/unreadable
 */
export function checkOwnParams(
  ctx: Context,
  runtime: Runtime,
  given: Readonly<Record<string, Json>>,
  caller: Pick<Caller, "uid" | "user" | "key">,
): Record<string, Json> {
  refuseOtherRuntime(caller, runtime.name);
  const own = { ...given };
  for (const [name, value] of Object.entries(given)) {
    if (runtime.params[name]?.type !== "file" || typeof value !== "string") continue;
    if (value.startsWith(UPLOAD)) {
      own[name] = uploadOf(ctx, caller, { name, value });
      continue;
    }
    if (caller.key !== undefined && ctx.inputFiles.isOwn(caller.uid, value)) continue;
    // What an alias stands for was named by whoever wrote the runtime's file.
    if (runtime.aliases.some(({ params }) => params[name] === value)) continue;
    refuseFileOfKey(caller, name);
    if (isWebAddress(value) || ctx.users === null || ctx.users.mayReadFile(caller.uid, value)) continue;
    throw new Failure(
      "file/unreadable",
      `param "${name}": ${caller.user} may not read "${value.slice(0, 200)}"`,
      {
        why: "it is not there, or its mode or that of a folder above it does not let you",
        hint: `namei -l "${value.slice(0, 200)}"`,
      },
    );
  }
  return checkParams(runtime, own);
}

/** What the name of a file begins with that the caller has sent before. */
export const UPLOAD = "upload:";

/** The path of a file that the caller has sent before. @throws Failure param/invalid */
function uploadOf(
  { inputFiles }: Pick<Context, "inputFiles">,
  { uid }: Pick<Caller, "uid">,
  { name, value }: { readonly name: string; readonly value: string },
): string {
  const path = inputFiles.pathOf(uid, value.slice(UPLOAD.length));
  if (path !== null) return path;
  throw new Failure("param/invalid", `param "${name}": there is no ${value.slice(0, 100)} of yours`, {
    why: "it was never sent, or removed since nothing used it",
    hint: "POST /api/v1/uploads sends a file",
  });
}

/** @throws Failure permission/denied where programs run as who submitted them, and root has not been allowed to. */
export function refuseRootsJobs({ users }: Context, { uid }: Pick<Caller, "uid">): void {
  if (uid !== 0 || users === null || users.allowRootJobs) return;
  throw new Failure("permission/denied", "root's jobs are refused", {
    why: "jobs run as the users who submit them here",
    hint: "submit it as another user, or set allowRootJobs: true in config.yaml",
  });
}

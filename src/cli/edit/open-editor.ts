import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makePrivateDir } from "../../config/run-dir.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import type { Context } from "../context.ts";

/**
 * Has somebody edit a text in their own editor ($VISUAL, else $EDITOR, else vi) and gives what became of it. The text lies
 * in a file of its own meanwhile, which nobody else can read.
 * @param name ends with what tells the editor the kind of text, e.g. "job-42.yaml"
 * @throws Failure usage/invalid
 */
export async function openEditor({ io, paths }: Context, name: string, text: string): Promise<string> {
  const editor = io.env["VISUAL"] || io.env["EDITOR"] || "vi";
  const dir = join(paths().cacheDir, "edit");
  makePrivateDir(dir);
  const file = join(dir, `${randomUUID().slice(0, 8)}-${name}`);
  writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  // Keys of the editor are no signals to us.
  const restore = io.onSignal("SIGINT", () => {});
  try {
    await run(editor, file, io);
    return readFileSync(file, "utf8");
  } finally {
    restore();
    rmSync(file, { force: true });
  }
}

/** The editor may have arguments, as in "code --wait": the shell takes it apart, as it does for git. */
async function run(editor: string, file: string, { env, cwd }: Context["io"]): Promise<void> {
  const child = spawn("sh", ["-c", `${editor} "$1"`, "sh", file], {
    stdio: "inherit",
    env: { ...env },
    cwd,
  });
  const how = await new Promise<string | null>((resolve) => {
    child.once("error", (error) => resolve(errnoOf(error) ?? error.message));
    child.once("close", (code, signal) => resolve(code === 0 ? null : `it ended with ${signal ?? code}`));
  });
  if (how === null) return;
  throw new Failure("usage/invalid", `the editor ${editor} failed; nothing is changed`, {
    why: how,
    hint: "name another one: EDITOR=nano orch edit …",
  });
}

import { accessSync, constants, type Stats, statSync } from "node:fs";
import { basename, isAbsolute } from "node:path";
import { errnoOf, Failure } from "../std/failure.ts";
import { mimeTypeOf } from "../std/mime-type.ts";
import { isAccepted } from "./file-types.ts";
import type { Param } from "./runtime.ts";

/** True for what a `file` param takes as the address of a file on the web. */
export function isWebAddress(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

/**
 * Checks that the value of a `file` param can be used: a web address, or the absolute path of a regular file that
 * this process may read, of a type that the param accepts (told by the extension). A web address whose extension
 * tells nothing passes: its type is known only once it is fetched.
 * @throws Failure param/invalid, file/missing, file/unreadable
 */
export function checkFile(name: string, param: Param, value: string): void {
  if (isWebAddress(value)) {
    const { pathname } = new URL(value);
    if (mimeTypeOf(pathname) !== null) checkType(name, param, pathname, value);
    return;
  }
  if (!isAbsolute(value)) {
    throw new Failure("param/invalid", `param "${name}": "${cut(value)}" is not a file`, {
      why: "must be an absolute path or an http(s) address",
      hint: `pass it as --${name} "$(realpath FILE)"`,
    });
  }
  checkType(name, param, basename(value), value);
  const stats = statFile(name, value);
  if (!stats.isFile())
    throw unreadable(name, value, stats.isDirectory() ? "it is a folder" : "it is not a regular file");
  try {
    accessSync(value, constants.R_OK);
  } catch {
    throw unreadable(name, value, "orch may not read it");
  }
}

function checkType(name: string, param: Param, fileName: string, value: string): void {
  if (isAccepted(fileName, param.accept)) return;
  throw new Failure("param/invalid", `param "${name}": "${cut(value)}" is of a type it does not take`, {
    why: `must be one of ${param.accept.join(", ")}`,
    hint: "convert the file, or name it with its right extension",
  });
}

function statFile(name: string, path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    if (errno !== "ENOENT" && errno !== "ENOTDIR") throw unreadable(name, path, errno);
    throw new Failure("file/missing", `param "${name}": there is no file "${cut(path)}"`, {
      why: "it was looked for on the host that runs orch",
      hint: `ls -l "${cut(path)}"`,
    });
  }
}

function unreadable(name: string, path: string, why: string): Failure {
  return new Failure("file/unreadable", `param "${name}": "${cut(path)}" cannot be read`, {
    why,
    hint: `ls -ld "${cut(path)}"`,
  });
}

function cut(text: string): string {
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}

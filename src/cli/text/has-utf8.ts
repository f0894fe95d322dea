import type { Environment } from "../../config/paths.ts";

/** Whether a terminal with this environment shows more than ASCII, as the C library decides it: by the first of these that is set. */
export function hasUtf8(env: Environment): boolean {
  return /utf-?8/i.test(env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "");
}

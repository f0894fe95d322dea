import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../std/package-root.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** By the names under which packages put them where the shells look for them. */
const files: Readonly<Record<Shell, string>> = { bash: "orch.bash", zsh: "_orch", fish: "orch.fish" };

/** The completion script of a shell, from completions/. It asks `orch __complete`, so it names no command itself. */
export function completionScript(shell: Shell): string {
  return readFileSync(join(packageRoot(), "completions", files[shell]), "utf8");
}

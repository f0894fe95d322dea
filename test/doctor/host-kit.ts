import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Examination, Finding } from "../../src/host/main.ts";
import type { CliResult, OrchHome } from "../kit/orch-home.ts";

/** What `orch doctor --json` found. */
export interface Diagnosis {
  readonly code: number;
  readonly all: readonly Finding[];
  /** The only finding of a check that is not ok; undefined when there is none. */
  of(check: string): Finding | undefined;
}

/** Programs that answer at once, so that a test waits for nothing but what it is about. */
const PROGRAMS: Readonly<Record<string, string>> = {
  docker: "#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n",
  podman:
    '#!/bin/sh\n[ "$1" = --version ] && { echo podman version 4.9.3; exit; }\necho \'{"version":{"Version":"4.9.3"}}\'\n',
  timedatectl: "#!/bin/sh\necho yes\n",
  systemctl: "#!/bin/sh\necho ActiveState=inactive\n",
};

/** Runs the doctor's checks of these names (all: "") with these programs first in PATH. */
export async function diagnose(
  home: OrchHome,
  checks: string,
  programs: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Diagnosis> {
  for (const [name, text] of Object.entries({ ...PROGRAMS, ...programs }))
    home.write(`fake/${name}`, text, 0o755);
  const path = `${join(home.dir, "fake")}:${home.env["PATH"]}`;
  return read(
    await home.orch(["doctor", "--json", ...checks.split(" ").filter(Boolean)], {
      env: { PATH: path, ...env },
    }),
  );
}

/** The document that the doctor printed. */
export function read({ code, stdout, stderr }: CliResult): Diagnosis {
  if (stdout === "") throw new Error(`the doctor said nothing: ${stderr}`);
  const { findings } = JSON.parse(stdout) as Examination;
  return {
    code,
    all: findings,
    of: (check) => findings.find((each) => each.check === check && each.level !== "ok"),
  };
}

/** A package like the one at `bin`, whose node_modules is a folder of links that lacks one. Gives its bin/orch. */
export function packageWithout(bin: string, name: string, into: string): string {
  const root = dirname(dirname(bin));
  mkdirSync(join(into, "node_modules"), { recursive: true });
  // Copies: the package is where the real file of its program is.
  for (const entry of ["bin", "dist", "runtimes", "package.json"])
    cpSync(join(root, entry), join(into, entry), { recursive: true });
  for (const entry of readdirSync(join(root, "node_modules")))
    if (entry !== name) symlinkSync(join(root, "node_modules", entry), join(into, "node_modules", entry));
  return join(into, "bin", "orch");
}

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Answers, serveAnswers } from "../../client/socket-server.ts";
import { type IoOptions, orch, type Run } from "../captured-io.ts";
import type { GoldenCase } from "./golden-case.ts";

const root = join(import.meta.dirname, "../../..");

/** What was printed, and how it stands in the file. */
export interface Printed extends Run {
  readonly text: string;
}

/** Runs the case, or its failure, and gives all that it printed, with its exit code. */
export async function printCase(
  golden: GoldenCase,
  argv: readonly string[],
  answers: Answers = golden.answers,
  columns?: number,
): Promise<Printed> {
  await using server = await serveAnswers(answers);
  using home = homeOf(golden);
  const options: IoOptions = {
    socket: server.socket,
    env: { HOME: "/home/ada", ...home.env },
    ...(home.dir === null ? {} : { cwd: home.dir }),
    ...(golden.stdin === undefined ? {} : { stdin: golden.stdin }),
    ...(columns === undefined ? {} : { columns }),
  };
  const run = await orch(argv, options);
  const clean = (text: string): string => {
    const plain = text.replaceAll(server.socket, "/SOCKET").replaceAll(server.dir, "/DIR");
    const ours = home.dir === null ? plain : plain.replaceAll(home.dir, "/HOME");
    const placeless = ours.replaceAll(root, "/PACKAGE").replaceAll(process.execPath, "/NODE");
    return golden.clean === undefined ? placeless : golden.clean(placeless);
  };
  return { ...run, text: section(argv, run, clean, columns) };
}

/** The folder of a case that has files. */
function homeOf({ files, env = {} }: GoldenCase) {
  if (files === undefined) return { dir: null, env, [Symbol.dispose]() {} };
  const dir = mkdtempSync(join(tmpdir(), "orch-golden-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
    if (name.startsWith("bin/")) chmodSync(join(dir, name), 0o755);
  }
  const own = { HOME: dir, ORCH_HOME: dir, PATH: `${join(dir, "bin")}:/usr/bin:/bin` };
  const given = Object.entries(env).map(([name, value]) => [name, value.replaceAll("DIR", dir)]);
  return {
    dir,
    env: { ...own, ...Object.fromEntries(given) },
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** A command line and all that it printed, as a section of a golden file. */
export function section(
  argv: readonly string[],
  { code, stdout, stderr }: Run,
  clean: (text: string) => string,
  columns?: number,
): string {
  const errors = stderr === "" ? "" : `--- stderr\n${clean(stderr)}`;
  const width = columns === undefined ? "" : `, ${columns} columns`;
  const words = argv.map((word) => (/^[\w./=-]+$/.test(word) ? word : `'${word}'`));
  return `$ orch ${words.join(" ")} [${code}${width}]\n${clean(stdout)}${errors}`;
}

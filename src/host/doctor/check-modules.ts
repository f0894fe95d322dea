import { packageRoot } from "../../std/package-root.ts";
import { askProgram, lastWords } from "../ask-program.ts";
import { bad, type Check, type Finding, type Host, ok, warn } from "./finding.ts";

/** As in "engines" of package.json. */
const NODE_AT_LEAST = [20, 19] as const;
const DEADLINE_MS = 8_000;

interface NativeModule {
  readonly name: string;
  /** Makes it load its native part, not only its JavaScript. */
  readonly use: string;
  /** What orch cannot do without it; null = anything. */
  readonly without: string | null;
}

const MODULES: readonly NativeModule[] = [
  { name: "better-sqlite3", use: 'new (require("better-sqlite3"))(":memory:").close()', without: null },
  {
    name: "koffi",
    use: 'require("koffi").load(null).func("int getpid()")()',
    without: "NVML, several users and cheap starts of programs are off; nvidia-smi is asked instead",
  },
  { name: "node-pty", use: 'require("node-pty").spawn', without: "run --pty, shell and attach do not work" },
];

/** Node, and the modules that were compiled for this machine. Each is loaded in a process of its own: a wrong one may crash. */
export const checkModules: Check = {
  name: "node",
  look: async (host) => [
    checkNode(process.versions.node),
    ...(await Promise.all(MODULES.map((each) => tryModule(each, host)))),
  ],
};

function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isEnough = major > NODE_AT_LEAST[0] || (major === NODE_AT_LEAST[0] && minor >= NODE_AT_LEAST[1]);
  if (isEnough) return ok("node", `Node ${version}`);
  return bad(
    "node",
    `Node ${version} is too old`,
    `orch needs ${NODE_AT_LEAST.join(".")} or newer`,
    "install a newer Node",
  );
}

async function tryModule({ name, use, without }: NativeModule, { env }: Host): Promise<Finding> {
  const command = [process.execPath, "-e", use];
  const answer = await askProgram(command, { env, deadlineMs: DEADLINE_MS, cwd: packageRoot() });
  if (answer.exitCode === 0) return ok(name, "loads");
  const isThere = !answer.stderr.includes(`Cannot find module '${name}'`);
  const what = isThere ? "is there and cannot be loaded" : "is not installed";
  const why = [without, isThere ? (reasonOf(answer.stderr) ?? lastWords("node", answer, DEADLINE_MS)) : null];
  const fix = isThere
    ? `cd ${packageRoot()} && npm rebuild ${name}`
    : `cd ${packageRoot()} && npm install ${name}`;
  const level = without === null ? bad : warn;
  return level(name, what, why.filter((each) => each !== null).join("; ") || null, fix);
}

function reasonOf(stderr: string): string | undefined {
  return stderr.split("\n").find((line) => /^(\w*Error\b|#|Segmentation)/.test(line));
}

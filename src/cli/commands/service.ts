import { spawn } from "node:child_process";
import type { Done, ServiceKind, ServiceShown, ServiceWork } from "../../host/main.ts";
import { Failure } from "../../std/failure.ts";
import { integerFlag } from "../arguments.ts";
import { command, commandGroup, type Parser } from "../command.ts";
import type { Context } from "../context.ts";

interface WhoseFlags {
  readonly user?: boolean;
  readonly system?: boolean;
}

interface InstallFlags extends WhoseFlags {
  readonly print?: boolean;
  /** False by --no-group. */
  readonly group?: string | false;
  /** False by --no-start. */
  readonly start?: boolean;
  readonly yes?: boolean;
}

const status = command<WhoseFlags>({
  name: "service status",
  summary: "Show the service; exits 3 when it does not run",
  examples: ["orch service status", "orch service status --user --json"],
  describe: whose,
  async run(context, _args, flags) {
    const { out } = context;
    const { showService } = await import("../../host/main.ts");
    const shown = await showService(await workOf(context, flags));
    out.result(shown, { ids: shown.pid === null ? [] : [shown.pid], text: () => printStatus(out, shown) });
    if (shown.units === "stale")
      out.note(`its units are not those of this version; orch service install${forUser(shown.kind)}`);
    return shown.active === "active" ? 0 : 3;
  },
});

const install = command<InstallFlags>({
  name: "service install",
  summary: "Install orch as a service of systemd, or bring it up to date, and start it",
  examples: [
    "sudo orch service install",
    "orch service install --user",
    "orch service install --print",
    "sudo orch service install --group gpu",
  ],
  describe: (parser) =>
    whose(parser)
      .option("--print", "print the units and touch nothing")
      .option(
        "--group <name>",
        'of the machine: the Unix group it serves (default: as in its config.yaml, else "orch")',
      )
      .option("--no-group", "of the machine: serve root alone")
      .option("--no-start", "only write it down and enable it")
      .option("-y, --yes", "also while containers of orch run, which may lose their GPUs"),
  async run(context, _args, flags) {
    const { out } = context;
    const { installService, plannedUnits } = await import("../../host/main.ts");
    const work = await workOf(context, flags);
    const group = flags.group === false ? null : flags.group;
    if (flags.print === true) {
      const files = await plannedUnits({ ...work, group });
      out.result(
        { units: files.map((file) => ({ ...file, dir: work.scope.unitDir })) },
        {
          ids: files.map(({ name }) => `${work.scope.unitDir}/${name}`),
          text: () =>
            out.print(files.map(({ name, text }) => `# ${work.scope.unitDir}/${name}\n${text}`).join("\n")),
        },
      );
      return 0;
    }
    const result = await installService({
      ...work,
      group,
      start: flags.start !== false,
      yes: flags.yes === true,
    });
    printDone(context, result, "the service is installed and up to date already");
    await hintNext(context, work);
    return 0;
  },
});

const uninstall = command<WhoseFlags & { readonly yes?: boolean }>({
  name: "service uninstall",
  summary: "Stop and remove the service; its jobs and workers go on, its state stays",
  examples: ["sudo orch service uninstall", "orch service uninstall --user"],
  describe: (parser) =>
    whose(parser).option("-y, --yes", "also while containers of orch run, which may lose their GPUs"),
  async run(context, _args, flags) {
    const { uninstallService } = await import("../../host/main.ts");
    const result = await uninstallService({ ...(await workOf(context, flags)), yes: flags.yes === true });
    printDone(context, result, "no service is installed");
    return 0;
  },
});

const logs = command<WhoseFlags & { readonly follow?: boolean; readonly lines?: number }>({
  name: "service logs",
  summary: "Print what the service wrote into the journal",
  examples: ["orch service logs", "orch service logs -f", "orch service logs --user -n 500"],
  withoutJson: { why: "on its stdout is what journalctl prints", hint: "journalctl -u orch -o json" },
  describe: (parser) =>
    whose(parser)
      .option("-f, --follow", "go on as more comes")
      .option(
        "-n, --lines <count>",
        "at most this many of the past (default: 100)",
        integerFlag("--lines", 0, 1_000_000),
      ),
  async run(context, _args, flags) {
    const { scope } = await workOf(context, flags);
    const args = [...scope.flags, "-u", "orch", "-n", String(flags.lines ?? 100), "--no-pager"];
    if (flags.follow === true) args.push("-f");
    return runJournal(context, args);
  },
});

export const service = commandGroup(
  "service",
  "Run orch as a service of systemd",
  [install, uninstall, status, logs],
  status,
);

function whose(parser: Parser): Parser {
  return parser
    .option("--system", "the service of this machine (default for root)")
    .option("--user", "a service of your own (default for everybody else)");
}

async function workOf({ io, paths }: Context, flags: WhoseFlags): Promise<ServiceWork> {
  if (flags.user === true && flags.system === true) {
    throw new Failure("usage/invalid", "--user and --system exclude each other", {
      hint: "orch service install --help",
    });
  }
  const kind: ServiceKind =
    flags.user === true || (flags.system !== true && io.uid !== 0) ? "user" : "system";
  const { scopeOf } = await import("../../host/main.ts");
  return { scope: scopeOf({ kind, paths: paths(), env: io.env }), env: io.env, uid: io.uid };
}

function forUser(kind: ServiceKind): string {
  return kind === "user" ? " --user" : "";
}

function printStatus(out: Context["out"], shown: ServiceShown): void {
  const { active, since, pid } = shown;
  out.fields([
    [
      "service",
      shown.units === "missing" ? "not installed" : `${active}${since === "" ? "" : ` since ${since}`}`,
    ],
    ["pid", pid],
    ["status", shown.statusText === "" ? null : shown.statusText],
    ["starts by itself", shown.enabled === "enabled" ? "yes" : "no"],
    ["units", `${shown.units}, ${shown.unitDir}`],
  ]);
}

function printDone({ out }: Context, result: Done, nothing: string): void {
  out.result(result, {
    ids: result.pid === null ? [] : [result.pid],
    text: () => out.print(result.done.length === 0 ? nothing : result.done.join("\n")),
  });
}

/** What is left to do by hand: notes, since without it the service is of little use to its users. */
async function hintNext({ io, out }: Context, { scope, env }: ServiceWork): Promise<void> {
  if (out.format.quiet || out.format.json) return;
  if (scope.kind === "system") {
    out.note(`its users reach it with: export ORCH_SOCKET=${scope.socket}  (e.g. in /etc/profile.d/orch.sh)`);
    out.note("a user joins the group with: usermod -aG GROUP USER, and logs in again");
    return;
  }
  const { existsSync } = await import("node:fs");
  const user = env["USER"] ?? String(io.uid);
  if (!existsSync(`/var/lib/systemd/linger/${user}`))
    out.note(`it ends when you log out, with all its jobs, unless: loginctl enable-linger ${user}`);
}

/** journalctl itself prints: it follows, and knows the terminal. */
function runJournal({ io, signal }: Context, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("journalctl", args, { stdio: ["ignore", "pipe", "pipe"], env: io.env });
    child.stdout.pipe(io.stdout, { end: false });
    child.stderr.pipe(io.stderr, { end: false });
    signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
    child.once("error", () =>
      reject(
        new Failure("service/unavailable", "journalctl is not installed", {
          why: "what a service prints is kept by systemd's journal",
          hint: 'tail -f "$(orch paths --json | jq -r .daemonLog)"',
        }),
      ),
    );
    child.once("close", (code) => resolve(code ?? 1));
  });
}

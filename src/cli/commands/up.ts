import { toFailure } from "../../std/failure.ts";
import { command } from "../command.ts";
import { type DaemonFlags, daemonArguments, describeDaemonFlags } from "../daemon-flags.ts";

export const up = command<DaemonFlags>({
  name: "up",
  summary: "Start the daemon in the background",
  examples: ["orch up", "orch up --project .", "orch up --gpus virtual:2x24GiB"],
  describe: describeDaemonFlags,
  async run({ io, out, connect, paths }, _args, options) {
    const running = await connect({ autostart: false })
      .then((client) => client.call("GET /hello", {}))
      .catch((error: unknown) => {
        const failure = toFailure(error);
        if (failure.code === "daemon/unreachable") return undefined;
        throw failure;
      });
    if (running !== undefined) {
      const { pid, version } = running;
      out.result(
        { pid, version, started: false },
        {
          ids: [pid],
          text: () => out.print(`the daemon is running already (pid ${pid}, version ${version})`),
        },
      );
      const unused = daemonArguments(options, io.cwd);
      if (unused.length > 0)
        out.note(
          `it goes on as it was started; for ${unused.join(" ")}: orch down && orch up ${unused.join(" ")}`,
        );
      return 0;
    }
    const { startDaemon } = await import("../../client/start-daemon.ts");
    const { pid, version, ours } = await startDaemon({
      paths: paths(),
      uid: io.uid,
      env: io.env,
      daemonArgs: daemonArguments(options, io.cwd),
      daemonCommand: io.daemonCommand,
    });
    out.result(
      { pid, version, started: ours },
      { ids: [pid], text: () => out.print(`the daemon is running (pid ${pid}, version ${version})`) },
    );
    out.hint("next: orch run -- COMMAND, or orch runtimes");
    return 0;
  },
});

import { Failure } from "../../std/failure.ts";
import { command } from "../command.ts";
import { runBeside, surroundingsOf } from "../submit/run-beside.ts";

export const exec = command({
  name: "exec",
  summary: "Run a command beside a running worker, with its GPUs, environment and folder",
  examples: [
    "orch exec sdxl-1 -- nvidia-smi",
    "orch exec run-42 -- bash",
    "orch exec sdxl-1 -- env | grep CUDA",
  ],
  describe: (parser) =>
    parser
      .usage("[flags] WORKER -- COMMAND [arguments]")
      .argument("<worker>", "name or id")
      .argument("<command...>", "the command; flags behind it are its own")
      .passThroughOptions(),
  async run(context, [asked = "", ...rest]) {
    const words = rest[0] === "--" ? rest.slice(1) : rest;
    if (words.length === 0) {
      throw new Failure("usage/invalid", "no command is given", { hint: `orch exec ${asked} -- bash` });
    }
    const client = await context.connect();
    const { worker, pid, container } = await client.call("GET /workers/:worker/process", { worker: asked });
    if (container === null) return runBeside(context.io, words, surroundingsOf(worker, pid));
    const flags = context.io.stdin.isTTY === true ? ["-i", "-t"] : ["-i"];
    const env = Object.fromEntries(
      Object.entries(context.io.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    );
    const engine = { env: { ...env, ...container.env }, cwd: context.io.cwd };
    return runBeside(context.io, [...container.command, "exec", ...flags, container.name, ...words], engine);
  },
});

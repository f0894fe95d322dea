// `npm run soak -- --minutes 30 --seed 7` and `npm run kill -- --kills 1000 --seed 7`: the tests of those names, longer
// than `npm test` has time for, with their output as it comes. Ends with a code other than 0 when one finds something.
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { installMissing } from "./install.mjs";

const kinds = {
  soak: {
    file: "test/soak/soak.test.ts",
    name: "random faults",
    options: { minutes: "ORCH_SOAK_MINUTES", seed: "ORCH_SOAK_SEED" },
  },
  kill: {
    file: "test/kill/kill.test.ts",
    name: "kill -9",
    options: { kills: "ORCH_KILLS", seed: "ORCH_KILL_SEED", mix: "ORCH_KILL_MIX" },
  },
  pause: {
    file: "test/faults/stand-still.test.ts",
    name: "SIGSTOP",
    options: { seconds: "ORCH_STOP_SECONDS" },
  },
  fuzz: {
    file: "test/faults/fuzz.test.ts",
    name: "spoilt",
    options: { inputs: "ORCH_FUZZ_INPUTS", seed: "ORCH_FUZZ_SEED" },
  },
  ports: {
    file: "test/faults/port-race.test.ts",
    name: "thief",
    options: { rounds: "ORCH_PORT_ROUNDS" },
  },
  power: {
    file: "test/faults/power-loss.test.ts",
    name: "every acknowledged submit",
    options: { rounds: "ORCH_POWER_ROUNDS" },
  },
};

const [kind, ...args] = process.argv.slice(2);
const { file, name, options } = kinds[kind];
const { values } = parse(args, options);
installMissing();
const env = { ...process.env };
for (const [option, variable] of Object.entries(options))
  if (values[option] !== undefined) env[variable] = values[option];
const command = ["vitest", "run", file, "-t", name, "--disableConsoleIntercept"];
process.exitCode = spawnSync("npx", command, { env, stdio: "inherit" }).status ?? 1;

function parse(given, known) {
  const described = Object.fromEntries(Object.keys(known).map((option) => [option, { type: "string" }]));
  try {
    return parseArgs({ args: given, options: described });
  } catch (error) {
    const usage = Object.keys(known).map((option) => `--${option} VALUE`);
    process.stderr.write(`error: ${error.message}\n  try: npm run ${kind} -- ${usage.join(" ")}\n`);
    process.exit(2);
  }
}

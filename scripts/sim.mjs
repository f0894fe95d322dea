// `npm run sim -- --seeds 1e6` or `-- --seed 7`: the production scheduler in a virtual world with faults.
import { createRequire } from "node:module";
import { buildMissing, installMissing } from "./install.mjs";

installMissing();
buildMissing();
const { main } = createRequire(import.meta.url)("../dist/sim.cjs");
process.exitCode = await main(process.argv.slice(2), {
  result: (text) => process.stdout.write(text),
  aside: (text) => process.stderr.write(text),
  isTerminal: process.stderr.isTTY === true,
});

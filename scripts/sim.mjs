// `npm run sim -- --seed 7` or `-- --count 10000`: the production scheduler in a virtual world with faults.
import { createRequire } from "node:module";
import { buildMissing, installMissing } from "./install.mjs";

installMissing();
buildMissing();
const { main } = createRequire(import.meta.url)("../dist/sim.cjs");
process.exitCode = main(process.argv.slice(2), (text) => process.stdout.write(text));

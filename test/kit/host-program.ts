// orch as the tests run it: the command line from the sources, as a process of its own.
import { main, processIo } from "../../src/cli/main.ts";

process.exit(await main(process.argv.slice(2), processIo(process.env)));

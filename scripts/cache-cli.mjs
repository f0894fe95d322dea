// Writes the code cache of the CLI that was just built: `node scripts/cache-cli.mjs DIST`. What a command does before it
// knows that no daemon is there is most of what it does at all.
import { createRequire } from "node:module";
import path from "node:path";

const { keep } = createRequire(import.meta.url)("../bin/code-cache.js");
const lines = ["ls", "submit runtime -q", "show 1", "status", "gpus", "workers", "__complete -- cancel ''"];

await keep(path.resolve(process.argv[2] ?? "dist", "cli.cjs"), async ({ main, processIo }) => {
  const io = processIo({ HOME: "/nonexistent", ORCH_SOCKET: "/nonexistent/orch.sock", ORCH_AUTOSTART: "0" });
  for (const line of lines) await main(line.split(" "), io);
});
process.exit();

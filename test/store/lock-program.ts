// Says that it is ready. For each line that comes, a file, it tries to take the lock of it, says how that went, and holds it.
import { createInterface } from "node:readline";
import { toFailure } from "../../src/std/failure.ts";
import { takeLock } from "../../src/store/database.ts";

// A lock that nobody refers to is dropped with its connection as soon as memory is collected.
const held: unknown[] = [];
createInterface({ input: process.stdin }).on("line", (file) => {
  try {
    held.push(takeLock(file));
    process.stdout.write("taken\n");
  } catch (error) {
    process.stdout.write(`${toFailure(error).code}\n`);
  }
});
process.stdout.write("ready\n");

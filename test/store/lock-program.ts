// Says that it is ready, waits for the word, tries to take the lock of argv[2], says how that went, and holds it.
import { toFailure } from "../../src/std/failure.ts";
import { takeLock } from "../../src/store/database.ts";

const [, , file = ""] = process.argv;
process.stdin.once("data", () => {
  try {
    takeLock(file);
    process.stdout.write("taken\n");
  } catch (error) {
    process.stdout.write(`${toFailure(error).code}\n`);
  }
  setInterval(() => {}, 60_000);
});
process.stdout.write("ready\n");

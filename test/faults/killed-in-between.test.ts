import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { untilOver } from "../e2e/session.ts";
import { buildOrch, type Mutation } from "../kit/built-orch.ts";
import { createOrchHome } from "../kit/orch-home.ts";

// A daemon that ends by SIGKILL at one place of its own, while the file "die" lies in its home. The next one finds no file.

const DIE = `process.getBuiltinModule("node:fs").existsSync(process.env["HOME"] + "/die") && process.kill(process.pid, "SIGKILL");`;

const places: readonly { name: string; mutation: Mutation }[] = [
  {
    name: "between the commit and the start of a program [fault 2]",
    mutation: {
      file: "src/daemon/aftermath.ts",
      find: "for (const effect of planned.effects) options.perform(effect, false);",
      replace: `if (planned.effects.some(({ type }) => type === "start-worker")) { ${DIE} }
        for (const effect of planned.effects) options.perform(effect, false);`,
    },
  },
  {
    name: "between the start of a program and the record of its pid [fault 3]",
    mutation: {
      file: "src/engine/process.ts",
      find: "follow(launch.dir, identity, {",
      replace: `${DIE} follow(launch.dir, identity, {`,
    },
  },
];

describe("kill -9", () => {
  it.each(places)("$name: the job runs once", async ({ mutation }) => {
    using built = await buildOrch([mutation]);
    await using home = createOrchHome(built.bin, { ORCH_GPUS: "virtual:1x1GiB" });
    const first = await home.daemon();
    home.write("die", "");
    const died = home.orch(["run", "-d", "--gpus", "1", "--", "sh", "-c", "echo x >>ran; exit 7"]);
    expect(await first.ended, "it was killed where it was meant to be").toBe(137);
    await died;
    rmSync(join(home.dir, "die"));
    await home.daemon();
    expect(await untilOver(home, 1)).toMatchObject({ state: "failed", exitCode: 7, attempts: 1 });
    expect(readFileSync(join(home.dir, "ran"), "utf8")).toBe("x\n");
  });
});

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltOrch, buildOrch } from "../kit/built-orch.ts";
import { createOrchHome } from "../kit/orch-home.ts";
import { whyNoTerminals } from "../kit/tmux.ts";
import { inOrder, openTop } from "../tui/top-session.ts";
import { shell } from "./program.ts";

// What V8 made of the CLI when it was built is kept beside it, and used only where it belongs to what is run.
const repository = resolve(import.meta.dirname, "../..");
// One of its own, since files of it are changed.
let orch: BuiltOrch;
let bin: string;
let bundle: string;
let cache: string;

beforeAll(async () => {
  orch = await buildOrch();
  bin = dirname(orch.bin);
  bundle = join(bin, "../dist/cli.cjs");
  cache = `${bundle}.cache`;
  execFileSync(process.execPath, [join(repository, "scripts/cache-cli.mjs"), dirname(bundle)], {
    stdio: "ignore",
  });
}, 60_000);
afterAll(() => orch?.[Symbol.dispose]());

const nobody = { HOME: "/nonexistent", ORCH_SOCKET: "/nonexistent/orch.sock" };
const run = (line: string) => shell(line, nobody, bin);

/** How V8 took the cache: whether it was given to it, and whether it refused it. */
function startedBy(...flags: string[]): unknown {
  const watched = `const vm = require("node:vm");
    let said = "not used";
    vm.Script = class extends vm.Script {
      constructor(...args) { super(...args); said = this.cachedDataRejected ? "refused" : "used"; }
    };
    const { main } = require(${JSON.stringify(join(bin, "code-cache.js"))}).load(${JSON.stringify(bundle)});
    console.log(said, typeof main);`;
  return execFileSync(process.execPath, [...flags, "-e", watched], { encoding: "utf8" });
}

/** Runs `body` with one of the two files changed. */
async function changed(file: string, change: (text: Buffer) => Buffer, body: () => unknown): Promise<void> {
  const before = readFileSync(file);
  writeFileSync(file, change(before));
  try {
    await body();
  } finally {
    writeFileSync(file, before);
  }
}

describe("the code cache of the CLI", () => {
  it("is written by the build, and used", () => {
    expect(existsSync(cache)).toBe(true);
    expect(startedBy()).toBe("used function\n");
  });

  it("changes nothing that is seen, also where other programs of orch are loaded late", async () => {
    const lines = [
      "orch --help",
      "orch run --help",
      "orch lss",
      "FORCE_COLOR=1 orch ls --no-autostart",
      "orch sim /nonexistent/trace.csv",
      "orch service install --user --system",
    ];
    const withIt = await Promise.all(lines.map(run));
    await changed(
      cache,
      () => Buffer.alloc(0),
      async () => {
        expect(startedBy()).toBe("not used function\n");
        expect(await Promise.all(lines.map(run))).toEqual(withIt);
      },
    );
    expect(withIt.map(({ code }) => code)).toEqual([0, 0, 2, 3, 2, 2]);
    expect(withIt[3]?.stderr).toContain("\u001b[31merror:");
  });

  it("is refused by V8 that runs under other flags, and the program runs", () => {
    expect(startedBy("--no-lazy")).toBe("refused function\n");
  });

  it("is not used for another text, though that is as long", async () => {
    const edit = (text: Buffer): Buffer =>
      Buffer.from(text.toString("latin1").replaceAll("unknown command", "unheard command"), "latin1");
    await changed(bundle, edit, async () => {
      expect(startedBy()).toBe("not used function\n");
      expect((await run("orch lss")).stderr).toContain('error: unheard command "lss"');
    });
  });

  it.each([
    ["cut off", (bytes: Buffer) => bytes.subarray(0, bytes.length - 1000)],
    ["without V8's part", (bytes: Buffer) => bytes.subarray(0, readFileSync(bundle).length)],
    ["of another V8", (bytes: Buffer) => bytes.fill(1, readFileSync(bundle).length)],
  ])("does no harm when it is %s", async (_name, damage) => {
    await changed(cache, damage, async () => {
      expect(startedBy()).toMatch(/^(not used|refused) function\n$/);
      expect((await run("orch lss")).code).toBe(2);
    });
  });

  it.skipIf(whyNoTerminals() !== null)(
    `lets the daemon and the screen be loaded (${whyNoTerminals() ?? "tmux"})`,
    async () => {
      await using home = createOrchHome(join(bin, "orch"), { ORCH_GPUS: "virtual:1x1GiB" });
      await home.daemon();
      const top = await openTop(home);
      await top.shows("nothing waits");
      top.press("q");
      expect(await top.leftBehind()).toEqual(inOrder);
    },
  );
});

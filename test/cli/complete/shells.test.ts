import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findProgram } from "../../../src/engine/find-program.ts";
import type { SocketServer } from "../../client/socket-server.ts";
import { need } from "../../kit/need.ts";
import { createOrchHome, type OrchHome } from "../../kit/orch-home.ts";
import { openScreen, type Screen, whyNoTerminals } from "../../kit/tmux.ts";
import { installProgram } from "../program.ts";
import { serveSamples } from "./sample-daemon.ts";

// The scripts in the shells that they are for, in a real terminal: what is typed, and what stands there after a Tab.

const run = promisify(execFile);
const scripts = resolve(import.meta.dirname, "../../../completions");
let program: Awaited<ReturnType<typeof installProgram>>;
let server: SocketServer;
let home: OrchHome;
let screen: Screen;

beforeAll(async () => {
  program = await installProgram();
  server = await serveSamples();
  home = createOrchHome(program.bin, { ORCH_SOCKET: server.socket, ORCH_AUTOSTART: "0" });
  home.write("my files/a picture.png", "");
});

afterAll(async () => {
  await home[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  program[Symbol.dispose]();
});

/** Types the line, presses Tab, and waits until the line is as it should be; then clears it. */
async function becomes(typed: string, expected: string): Promise<void> {
  screen.press("C-u");
  screen.press("C-l");
  await screen.shows(/^here>\s*$/);
  screen.press(typed, "Tab");
  await screen.shows(`here> ${expected}`);
}

const cases: readonly (readonly [what: string, typed: string, expected: string])[] = [
  ["a command", "orch canc", "orch cancel "],
  ["a subcommand", "orch workers unp", "orch workers unpin "],
  ["a flag", "orch ls --runt", "orch ls --runtime "],
  ["a runtime", "orch submit pa", "orch submit paint "],
  ["a param", "orch submit paint --pro", "orch submit paint --prompt "],
  ["a job in the right state", "orch release ", "orch release 45 "],
  ["a value behind =", "orch ls --state=qu", "orch ls --state=queued "],
  ["the next of a list", "orch ls --state queued,f", "orch ls --state queued,failed "],
  ["a value with blanks", "orch submit paint --style oi", "orch submit paint --style oil\\ on\\ canvas "],
  [
    "behind words in quotes",
    "orch submit paint --prompt 'a fox' --sty",
    "orch submit paint --prompt 'a fox' --style ",
  ],
  ["what is left to the shell: a command", "orch run --gpus 1 -- sha256s", "orch run --gpus 1 -- sha256sum "],
];

describe.skipIf(whyNoTerminals() !== null)(`in bash (${whyNoTerminals() ?? "tmux"})`, () => {
  beforeAll(async () => {
    screen = await openScreen(home, 100, 30);
    screen.enter(`source ${join(scripts, "orch.bash")}; cd '${join(home.dir, "my files")}'`);
  });
  it.each(cases)("completes %s", (_what, typed, expected) => becomes(typed, expected));
  it.each([
    ["a colon", "orch submit paint --style ink:", "orch submit paint --style ink:black "],
    ["a colon, from before it", "orch submit paint --style in", "orch submit paint --style ink:black "],
    [
      "quotes and a dollar",
      "orch submit paint --style the",
      'orch submit paint --style the\\ \\"best\\"\\ \\$1 ',
    ],
    [
      "an open double quote",
      'orch submit paint --style "the',
      'orch submit paint --style "the \\"best\\" \\$1" ',
    ],
    [
      "an open single quote",
      "orch submit paint --style 'oil o",
      "orch submit paint --style 'oil on canvas' ",
    ],
    ["an apostrophe", "orch submit paint --style l", "orch submit paint --style l\\'art "],
    ["a file", "orch submit paint --image a", "orch submit paint --image a\\ picture.png "],
    ["a file behind =", "orch submit paint --image=a", "orch submit paint --image=a\\ picture.png "],
  ])("completes with %s", (_what, typed, expected) => becomes(typed, expected));

  it("lists jobs with what they are", async () => {
    await becomes("orch show ", "orch show 4");
    screen.press("Tab", "Tab");
    await screen.shows(/43 +\(running, run, python train.py\)/);
  });
});

const isInstalled = (name: string): boolean => findProgram(name, process.env["PATH"], "/") !== null;
const zsh = need("zsh", isInstalled("zsh"));
describe.skipIf(whyNoTerminals() !== null || !zsh)(`in zsh (${zsh ? "zsh" : "is not installed"})`, () => {
  beforeAll(async () => {
    screen = await openScreen(home, 100, 30);
    screen.enter("exec zsh -f");
    screen.enter(
      `PS1='here> '; setopt no_prompt_sp no_auto_remove_slash; bindkey -e; autoload -U compinit; compinit -D; eval "$(cat ${join(scripts, "_orch")})"; cd '${join(home.dir, "my files")}'; print ready`,
    );
    await screen.shows(/^ready/m);
  });
  it.each(cases)("completes %s", (_what, typed, expected) => becomes(typed, expected));
  it.each([
    ["a colon", "orch submit paint --style ink:", "orch submit paint --style ink:black "],
    [
      "quotes and a dollar",
      "orch submit paint --style the",
      'orch submit paint --style the\\ \\"best\\"\\ \\$1 ',
    ],
    [
      "an open single quote",
      "orch submit paint --style 'oil o",
      "orch submit paint --style 'oil on canvas' ",
    ],
    [
      "an open double quote",
      'orch submit paint --style "the',
      'orch submit paint --style "the \\"best\\" \\$1" ',
    ],
    ["a file", "orch submit paint --image a", "orch submit paint --image a\\ picture.png "],
    ["a file behind =", "orch submit paint --image=a", "orch submit paint --image=a\\ picture.png "],
  ])("completes with %s", (_what, typed, expected) => becomes(typed, expected));

  it("lists jobs with what they are", async () => {
    await becomes("orch show ", "orch show 4");
    screen.press("Tab");
    await screen.shows(/43 +-- running, run, python train.py/);
  });
});

const fish = need("fish", isInstalled("fish"));
describe.skipIf(!fish)(`in fish (${fish ? "fish" : "is not installed"})`, () => {
  /** The lines of fish's own `complete -C`: word, tab, description. */
  async function complete(typed: string): Promise<string[]> {
    home.write("bin/orch", `#!/bin/sh\nexec "${process.execPath}" "${home.bin}" "$@"\n`, 0o755);
    const script = `source ${join(scripts, "orch.fish")}; complete -C $argv[1]`;
    const { stdout } = await run("fish", ["--no-config", "-c", script, typed], {
      env: { ...home.env, PATH: `${join(home.dir, "bin")}:${home.env["PATH"]}` },
      cwd: join(home.dir, "my files"),
    });
    return stdout.split("\n").filter((line) => line !== "");
  }

  it.each([
    ["a command", "orch canc", ["cancel\tStop running jobs, drop waiting ones"]],
    ["a runtime", "orch submit pa", ["paint\tPictures from words"]],
    ["a param", "orch submit paint --pro", ["--prompt\twhat to draw (string; required)"]],
    ["a job", "orch release ", ["45\theld, sdxl, tomorrow"]],
    ["a value behind =", "orch ls --state=qu", ["--state=queued"]],
    ["a value with blanks", "orch submit paint --style oi", ["oil on canvas"]],
    ["within quotes", 'orch submit paint --style "oil o', ["oil on canvas"]],
    ["a colon", "orch submit paint --style ink:", ["ink:black"]],
    ["behind words in quotes", "orch submit paint --prompt 'a fox' --tile", ["--tiled\tseamless (boolean)"]],
    ["a file", "orch submit paint --image a", ["a picture.png"]],
    ["a file behind =", "orch submit paint --image=a", ["--image=a picture.png"]],
  ])("completes %s", async (_what, typed, expected) => {
    expect(await complete(typed)).toEqual(expected);
  });

  it("leaves a command to itself", async () => {
    expect((await complete("orch run --gpus 1 -- sha256s")).join()).toMatch(/^sha256sum\t/);
    expect((await complete("orch run --gpus 1 -- cat a")).join()).toMatch(/^a picture.png/);
  });
});

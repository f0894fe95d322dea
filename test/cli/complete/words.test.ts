import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commands } from "../../../src/cli/commands.ts";
import type { SocketServer } from "../../client/socket-server.ts";
import { orch } from "../captured-io.ts";
import { serveSamples } from "./sample-daemon.ts";

let server: SocketServer;
beforeAll(async () => {
  server = await serveSamples();
});
afterAll(() => server[Symbol.asyncDispose]());

/** The words that may stand for the last one, with what they are, and on the last line what the shell is to do. */
async function offered(words: readonly string[], socket = server.socket): Promise<Map<string, string>> {
  const { code, stdout, stderr } = await orch(["__complete", "--", ...words], { socket });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const rows = stdout.trimEnd().split("\n");
  return new Map(rows.map((row) => row.split("\t")).map(([value = "", about = ""]) => [value, about]));
}

const names = async (...words: string[]): Promise<string[]> => [...(await offered(words)).keys()];

describe("what may come next", () => {
  it("is every command with its summary, and help", async () => {
    const found = await offered([""]);
    for (const [name, { summary }] of Object.entries(commands)) expect(found.get(name)).toBe(summary);
    expect(found.has("help")).toBe(true);
  });

  it.each([
    [["canc"], ["cancel", ":"]],
    [
      ["workers", "unp"],
      ["unpin", ":"],
    ],
    [["--js"], ["--json", ":"]],
    [["nonsense", ""], [":"]],
    [["workers", "nonsense", ""], [":"]],
    [
      ["help", "exi"],
      ["exit-codes", ":"],
    ],
    [
      ["help", "workers", "pin"],
      ["pin", ":"],
    ],
    [
      ["help", "errors", "job/unk"],
      ["job/unknown", ":"],
    ],
    [
      ["ls", "--run"],
      ["--runtime", ":"],
    ],
    [
      ["--json", "ls", "--run"],
      ["--runtime", ":"],
    ],
    [
      ["completion", ""],
      ["bash", "zsh", "fish", ":"],
    ],
  ])("after %j: %j", async (words, expected) => {
    expect(await names(...words)).toEqual(expected);
  });

  it.each([
    ["cancel", ["45", "44", "43"]],
    ["retry", ["42", "41"]],
    ["release", ["45"]],
    ["hold", ["44"]],
    ["show", ["45", "44", "43", "42", "41"]],
  ])("%s offers the jobs to which it can do something", async (command, expected) => {
    expect(await names(command, "")).toEqual([...expected, ":"]);
  });

  it("says of a job its state, its runtime and what it is", async () => {
    const found = await offered(["show", ""]);
    expect(found.get("43")).toBe("running, run, python train.py");
    expect(found.get("45")).toBe("held, sdxl, tomorrow");
  });

  it("is the value of a flag, behind a blank, an = or a comma", async () => {
    expect(await names("ls", "--state", "q")).toEqual(["queued", ":"]);
    expect(await names("ls", "--state=q")).toEqual(["--state=queued", ":"]);
    expect(await names("ls", "--state", "queued,f")).toEqual(["queued,failed", ":"]);
    expect(await names("ls", "--runtime", "")).toEqual(["paint", "sdxl", ":"]);
    expect(await names("run", "--after", "43,4")).toEqual(["43,45", "43,44", ":"]);
    expect(await names("workers", "switch", "sdxl", "--gpu", "")).toEqual(["0", ":"]);
    expect(await names("ls", "--array", "")).toEqual(["40", ":"]);
    expect(await names("schedule", "add", "@daily", "--tz", "Europe/Berl")).toEqual(["Europe/Berlin", ":"]);
    expect(await names("ls", "-n", "")).toEqual([":"]);
    expect(await names("ls", "--columns", "id,exit")).toEqual(["id,exitCode", ":"]);
    expect(await names("up", "--gpus", "v")).toEqual(["virtual:2x24GiB", ":"]);
    expect(await names("up", "--log-level=w")).toEqual(["--log-level=warn", ":"]);
  });

  it("is a worker, a GPU or a schedule by its name", async () => {
    expect(await names("workers", "stop", "")).toEqual(["paint-1", ":"]);
    expect(await names("logs", "pai")).toEqual(["paint-1", ":"]);
    expect(await names("gpus", "clear", "")).toEqual(["0", ":"]);
    expect(await names("schedule", "pause", "n")).toEqual(["nightly", ":"]);
  });

  it("offers a flag once, and one that collects its values again", async () => {
    expect(await names("ls", "--all", "--al")).toEqual([":"]);
    expect(await names("run", "--sweep", "a=1", "--sw")).toEqual(["--sweep", ":"]);
  });

  it("leaves files, folders and commands to the shell", async () => {
    expect(await names("submit", "paint", "--params", "")).toEqual([":files"]);
    expect(await names("submit", "paint", "--out", "")).toEqual([":folders"]);
    expect(await names("sim", "")).toEqual([":files"]);
    expect(await names("run", "--gpus", "1", "--", "py")).toEqual([":command 4"]);
    expect(await names("run", "--gpus", "1", "--", "python", "tr")).toEqual([":command 4"]);
    expect(await names("--json", "run", "python", "--ver")).toEqual([":command 2"]);
    expect(await names("exec", "paint-1", "--", "")).toEqual([":command 3"]);
  });

  it("is what a schedule is to submit", async () => {
    expect(await names("schedule", "add", "@daily", "--", "")).toEqual(["run", "submit", ":"]);
    expect(await names("schedule", "add", "@daily", "--", "submit", "pa")).toEqual(["paint", ":"]);
    expect(await names("schedule", "add", "@daily", "--", "run", "--", "")).toEqual([":command 6"]);
  });
});

describe("of a runtime", () => {
  it("its params come first, with their help", async () => {
    const found = await offered(["submit", "paint", "--"]);
    expect([...found.keys()].slice(0, 5)).toEqual([
      "--prompt",
      "--style",
      "--image",
      "--tiled",
      "--no-tiled",
    ]);
    expect(found.get("--prompt")).toBe("what to draw (string; required)");
    expect(found.has("--wait")).toBe(true);
  });

  it("the values of a param are its choices, files for a file", async () => {
    const styles = ["oil on canvas", "ink:black", 'the "best" $1', "l'art"];
    expect(await names("submit", "paint", "--prompt", "a fox", "--style", "")).toEqual([...styles, ":"]);
    expect(await names("submit", "paint", "--style=o")).toEqual(["--style=oil on canvas", ":"]);
    expect(await names("submit", "paint", "--image", "")).toEqual([":files"]);
  });

  it("--param offers its params, then what they may be", async () => {
    expect(await names("submit", "paint", "--param", "st")).toEqual(["style=", ":nospace"]);
    expect(await names("submit", "paint", "--param", "style=i")).toEqual(["style=ink:black", ":"]);
  });

  it("that is not there, nothing is offered but the flags of submit", async () => {
    const found = await offered(["submit", "nobody", "--"]);
    expect(found.has("--wait")).toBe(true);
    expect(found.has("--prompt")).toBe(false);
  });
});

describe("orch completion", () => {
  it.each([
    ["bash", "orch.bash"],
    ["zsh", "_orch"],
    ["fish", "orch.fish"],
  ])("%s prints completions/%s, which the package brings along", async (name, file) => {
    const { code, stdout } = await orch(["completion", name], { socket: "/nonexistent/orch.sock" });
    expect({ code, stdout }).toEqual({ code: 0, stdout: readFileSync(`completions/${file}`, "utf8") });
    expect(JSON.parse(readFileSync("package.json", "utf8"))).toMatchObject({
      files: expect.arrayContaining(["completions"]),
    });
  });

  it("knows no other shell", async () => {
    expect(await orch(["completion", "csh"])).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("without a daemon", () => {
  it("what needs none is offered all the same, silently", async () => {
    const socket = "/nonexistent/orch.sock";
    expect([...(await offered(["cancel", ""], socket)).keys()]).toEqual([":"]);
    expect([...(await offered(["ls", "--sta"], socket)).keys()]).toEqual(["--state", ":"]);
    const run = await orch(["__complete", "--", "submit", ""], { socket, env: { ORCH_AUTOSTART: "1" } });
    expect(run).toEqual({ code: 0, stdout: ":\n", stderr: "" });
  });
});

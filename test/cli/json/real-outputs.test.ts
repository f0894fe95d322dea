import { afterAll, beforeAll, expect, test } from "vitest";
import { addEchoRuntime } from "../../kit/echo-runtime.ts";
import { type Host, startHost } from "../../kit/host.ts";
import { errorOutput, jsonOutputs } from "./json-outputs.ts";

// What a real daemon answers is as docs/json says, field for field.

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:2x24GiB" });
  addEchoRuntime(host, "echo");
  const done = await host.client.call("POST /jobs", {
    runtime: "echo",
    params: { text: "hello", save: true },
  });
  await host.until(done.id, "succeeded");
  const failed = await host.sh("echo said; exit 3", { gpus: 1, options: { labels: { team: "vision" } } });
  await host.until(failed.id, "failed");
  await host.sh("true", { options: { hold: true } });
  await host.sh("true", { options: { begin: Date.UTC(2100, 0) } });
  const made = await host.cli("schedule", "add", "0 3 * * *", "--name", "nightly", "--", "run", "--", "true");
  expect(made).toMatchObject({ code: 0 });
  expect(await host.cli("reserve", "add", "--gpus", "1", "--for", "1h", "--name", "demo")).toMatchObject({
    code: 0,
  });
});
afterAll(() => host[Symbol.asyncDispose]());

test.each([
  "ls -a",
  "ls --filter state=failed --sort -id",
  "show 1",
  "show 2",
  "why 3",
  "why 2",
  "plan",
  "logs 2",
  "quotas",
  "webhooks ls",
  "schedule ls",
  "schedule show nightly",
  "schedule pause nightly",
  "schedule run-now nightly",
  "reserve ls",
  "workers ls -a",
  "workers pin echo-1",
  "gpus ls --processes",
  "gpus --history --since 1h",
  "runtimes ls",
  "runtimes show echo",
  "runtimes forget echo",
  "status",
  "events -n 100000",
  "history",
  "history --trace",
  "stats",
  "update 3 --priority 4",
  "release 3",
  "retry 2",
  "cancel 4",
  "wait 1 2",
  "up",
  "paths",
  "top",
  "doctor",
  "config ls",
  "config explain gpus",
  "--version",
])("orch %s --json", async (line) => {
  const words = line.split(" ");
  const name =
    [`${words[0]} ${words[1]}`, words[0] ?? ""].find((known) => Object.hasOwn(jsonOutputs, known)) ?? "";
  const { schema, isLines = false } = jsonOutputs[name] ?? {};
  const { stdout, stderr } = await host.cli(...words, "--json");
  const documents = isLines ? stdout.trim().split("\n") : [stdout];
  expect(stdout, stderr).not.toBe("");
  for (const text of documents) {
    const document: unknown = JSON.parse(text);
    // What the schema does not know is left out by it.
    expect(schema?.parse(document)).toEqual(document);
  }
});

test("a failure is one object on stderr", async () => {
  const { code, stdout, stderr } = await host.cli("show", "4711", "--json");
  expect([code, stdout]).toEqual([5, ""]);
  const body: unknown = JSON.parse(stderr.trim().split("\n").at(-1) ?? "");
  expect(errorOutput.parse(body)).toEqual(body);
});

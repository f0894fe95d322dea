import { expect, it } from "vitest";
import { parseRuntime } from "../../../src/runtime/parse.ts";
import { createHttpProtocol } from "../../../src/worker/protocols/http.ts";
import { blocksIn } from "../../kit/document-blocks.ts";
import { answerJson, type Behaviour, type OddServer, startOddServer } from "../../kit/odd-server.ts";
import { plainSpec, runAt } from "../../kit/service-run.ts";
import { until } from "../../kit/until.ts";

/** The server of the runtime `queue` in the documents, with changes to its text. */
function protocolOf(server: OddServer, change: (yaml: string) => string = (yaml) => yaml) {
  const yaml = blocksIn("docs/protocols.md", "yaml").find((block) => block.startsWith("name: queue\n")) ?? "";
  const fast = change(yaml).replace("every: 2s", "every: 50ms");
  const { server: parsed } = parseRuntime(fast, { dir: "/runtimes/queue", origin: "user" });
  if (parsed === null) throw new Error("it has no server");
  return createHttpProtocol(server.endpoint, { ...plainSpec, ...parsed });
}

/** Takes a job, is at it as often as `steps` says, and then has the last status for ever. */
function queueOf(steps: readonly unknown[]): Behaviour {
  let at = 0;
  return ({ method, path, body }, response) => {
    if (method === "POST" && path === "/jobs")
      return answerJson(response, { id: "a/b 7", asked: JSON.parse(body) }, 202);
    if (method === "DELETE" && path === "/jobs/a%2Fb%207") at = steps.length - 1;
    if (path === "/jobs/a%2Fb%207/result") return answerJson(response, { frames: 24 });
    return answerJson(response, steps[Math.min(at++, steps.length - 1)]);
  };
}

it("a job is asked for until it is done, and its result is fetched from where that is", async () => {
  await using server = await startOddServer(
    queueOf([{ status: "queued" }, { status: "running", progress: 0.5 }, { status: "succeeded" }]),
  );
  const run = runAt(protocolOf(server), { prompt: "waves" });
  expect(await run.outcome).toMatchObject({ kind: "succeeded", output: { frames: 24 } });
  expect(run.events).toContainEqual({ type: "progress", fraction: 0.5, text: null });
  expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "POST /jobs",
    ...Array(3).fill("GET /jobs/a%2Fb%207"),
    "GET /jobs/a%2Fb%207/result",
  ]);
  expect(JSON.parse(server.seen[0]?.body ?? "")).toEqual({ prompt: "waves" });
});

it("a job that the server gives up has failed, with its words", async () => {
  await using server = await startOddServer(queueOf([{ status: "failed", error: "no such style" }]));
  const outcome = await runAt(protocolOf(server), { prompt: "waves" }).outcome;
  expect(outcome).toEqual({
    kind: "failed",
    message: expect.stringMatching(/the server says that the job is failed.*no such style/),
  });
});

it("a job that is cancelled is cancelled at the server, by the id that it has there", async () => {
  await using server = await startOddServer(
    queueOf([...Array(1000).fill({ status: "running" }), { status: "canceled" }]),
  );
  const protocol = protocolOf(server);
  const run = runAt(protocol, { prompt: "waves" });
  await until("it is asked for", () => server.seen.length > 2);
  await protocol.cancel("", 7);
  expect((await run.outcome).kind).toBe("cancelled");
  expect(server.seen.some(({ method, path }) => method === "DELETE" && path === "/jobs/a%2Fb%207")).toBe(
    true,
  );
});

it("the answer may have the address instead, of the server itself alone", async () => {
  const byAddress = (yaml: string): string =>
    yaml.replace(/ {4}path: .*/, "    url: /status_url").replace(/ {4}result: .*\n| {2}cancel: .*\n?/g, "");
  const at =
    (address: string): Behaviour =>
    ({ method, path }, response) => {
      if (method === "POST") return answerJson(response, { status_url: address });
      return answerJson(response, { status: "succeeded", path });
    };
  await using server = await startOddServer(at("http://localhost:1/s/9?full=1"));
  expect(await runAt(protocolOf(server, byAddress), { prompt: "x" }).outcome).toMatchObject({
    kind: "succeeded",
    output: { status: "succeeded", path: "/s/9?full=1" },
  });
  await using stray = await startOddServer(at("http://example.com/s/9"));
  expect(await runAt(protocolOf(stray, byAddress), { prompt: "x" }).outcome).toMatchObject({
    kind: "failed",
    message: expect.stringContaining("not its own"),
  });
});

it("an answer without the status is said to be one, and a server that goes away loses the job", async () => {
  await using odd = await startOddServer(queueOf([{ state: "running" }]));
  expect(await runAt(protocolOf(odd), { prompt: "x" }).outcome).toMatchObject({
    kind: "failed",
    message: expect.stringContaining("nothing at /status"),
  });
  await using gone = await startOddServer(({ method }, response) => {
    if (method === "POST") return answerJson(response, { id: 1 });
    response.destroy();
  });
  expect((await runAt(protocolOf(gone), { prompt: "x" }).outcome).kind).toBe("lost");
});

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createCogProtocol } from "../../../src/worker/protocols/cog.ts";
import type { ServiceSpec } from "../../../src/worker/service.ts";
import { answerJson, type Behaviour, startOddServer } from "../../kit/odd-server.ts";
import { newFolder, plainSpec, runAt } from "../../kit/service-run.ts";
import { until } from "../../kit/until.ts";

function protocolOf(server: { endpoint: string }, spec: Partial<ServiceSpec> = {}) {
  return createCogProtocol(server.endpoint, { ...plainSpec, ...spec });
}

/** A server that is healthy and does with predictions what the test says. */
function healthy(behave: Behaviour, status = () => "READY"): Behaviour {
  return (request, response) => {
    if (request.path === "/health-check")
      return answerJson(response, { status: status(), setup: { logs: "setup\nlog" } });
    return behave(request, response);
  };
}

describe("a prediction", () => {
  it("goes as one PUT of its job and attempt; files go and come as data URLs", async () => {
    const url = (text: string) => `data:image/png;base64,${Buffer.from(text).toString("base64")}`;
    await using server = await startOddServer(
      healthy((_request, response) =>
        answerJson(response, {
          status: "succeeded",
          output: { images: [url("1"), url("2")], mask: url("m"), text: "data: none" },
          logs: "a\nb",
          metrics: { predict_time: 1.5 },
        }),
      ),
    );
    const picture = join(newFolder(), "in.png");
    writeFileSync(picture, "1234");
    const run = runAt(protocolOf(server, { fileParams: ["picture", "far"], loadParams: ["size"] }), {
      picture,
      far: "https://example.org/a.png",
      size: 7,
      n: 2,
    });
    expect(await run.outcome).toMatchObject({
      kind: "succeeded",
      output: { images: ["images.png", "images-2.png"], mask: "mask.png", text: "data: none" },
    });
    expect(run.file("images-2.png").toString()).toBe("2");
    expect(run.log()).toEqual(["a\nb", 'metrics: {"predict_time":1.5}']);
    expect(server.seen[0]).toMatchObject({ method: "PUT", path: "/predictions/orch-7-1" });
    expect(JSON.parse(server.seen[0]?.body ?? "")).toEqual({
      input: { picture: url("1234"), far: "https://example.org/a.png", n: 2 },
    });
  });

  it("tells its log as it grows, and nothing twice", async () => {
    let answerAll = (): void => undefined;
    let polls = 0;
    await using server = await startOddServer(
      healthy(({ body }, response) => {
        if (body.includes('"input":[]')) {
          polls += 1;
          return answerJson(response, { status: "processing", logs: "one\n 40%|##", output: ["x"] }, 202);
        }
        answerAll = () =>
          answerJson(response, { status: "succeeded", output: null, logs: "one\n 40%|##\ntwo\n" });
        return undefined;
      }),
    );
    const run = runAt(protocolOf(server), {});
    await until("it was asked twice", () => polls === 2);
    expect(run.events).toContainEqual({ type: "progress", fraction: 0.4, text: null });
    expect(run.events).toContainEqual({ type: "progress", fraction: 0.4, text: "outputs so far: 1" });
    answerAll();
    expect((await run.outcome).kind).toBe("succeeded");
    expect(run.log().join("")).toBe("one\n 40%|##\ntwo\n");
  });

  it("is cancelled by asking, and its end is waited for", async () => {
    let end = (): void => undefined;
    await using server = await startOddServer(
      healthy(({ path, body }, response) => {
        if (path.endsWith("/cancel")) {
          answerJson(response, {});
          return end();
        }
        if (body.includes("[]")) return answerJson(response, {}, 404);
        end = () => answerJson(response, { status: "canceled" });
        return undefined;
      }),
    );
    const protocol = protocolOf(server);
    const { outcome } = runAt(protocol, {});
    await until("it runs", () => server.seen.length > 0);
    await protocol.cancel("", 7);
    expect((await outcome).kind).toBe("cancelled");
    expect(server.seen.at(-1)?.path).toBe("/predictions/orch-7-1/cancel");
  });

  it("waits while another one has the place", async () => {
    let asked = 0;
    await using server = await startOddServer(
      healthy((_request, response) => {
        asked += 1;
        const busy = { error: "At capacity", status: "failed" };
        return asked === 1
          ? answerJson(response, busy, 409)
          : answerJson(response, { status: "succeeded", output: 1 });
      }),
    );
    expect(await runAt(protocolOf(server), {}).outcome).toMatchObject({ kind: "succeeded", output: 1 });
  });

  const failures: readonly [string, string, unknown, number, string, RegExp][] = [
    [
      "fails",
      "failed",
      { status: "failed", error: "Prediction failed: Prediction failed: ValueError: x" },
      200,
      "READY",
      /^ValueError: x$/,
    ],
    [
      "is refused",
      "failed",
      { detail: [{ loc: ["body", "input"], msg: "bad" }] },
      422,
      "READY",
      /HTTP 422: body.input: bad/,
    ],
    [
      "kills its server",
      "lost",
      { status: "failed", error: "Worker crashed" },
      200,
      "DEFUNCT",
      /broke down: .*DEFUNCT: setup\nlog/,
    ],
    ["meets a broken server", "lost", { error: "At capacity" }, 409, "UNHEALTHY", /broke down/],
    ["ends unfinished", "lost", { status: "processing" }, 202, "READY", /is processing/],
    ["gets no prediction", "failed", { hello: 1 }, 200, "READY", /no prediction/],
    [
      "gets base64 that is none",
      "failed",
      { status: "succeeded", output: "data:image/png;base64,***" },
      200,
      "READY",
      /not base64/,
    ],
  ];
  it.each(failures)("that %s is %s", async (_what, kind, body, status, health, message) => {
    await using server = await startOddServer(
      healthy(
        (_r, response) => answerJson(response, body, status),
        () => health,
      ),
    );
    expect(await runAt(protocolOf(server), {}).outcome).toMatchObject({
      kind,
      message: expect.stringMatching(message),
    });
  });
});

describe("readiness", () => {
  it.each([
    ["STARTING", "starting"],
    ["READY", "ready"],
    ["BUSY", "ready"],
    ["SETUP_FAILED", "failed"],
    ["DEFUNCT", "failed"],
    ["UNHEALTHY", "failed"],
    ["NEW_WORD", "starting"],
  ])("%s is %s", async (status, expected) => {
    await using server = await startOddServer(
      healthy(
        () => undefined,
        () => status,
      ),
    );
    const health = await protocolOf(server).health("", 1_000);
    expect(health?.status).toBe(expected);
    if (expected !== "ready") expect(health?.detail).toContain(status);
    if (expected === "failed") expect(health?.detail).toContain("setup\nlog");
  });

  it("is not had with an endless answer", async () => {
    await using server = await startOddServer(
      (_request, response) => void response.end("x".repeat(2_000_000)),
    );
    expect(await protocolOf(server).health("", 1_000)).toMatchObject({
      status: "starting",
      detail: "the server's answer is longer than 1048576 bytes",
    });
  });

  it.each([
    ["another page", "<p>nginx</p>", 200, /does not speak cog/],
    ["a refusal", "<title>Bad Gateway</title>", 502, /answers GET \/health-check with 502: /],
  ])("is not had with %s", async (_what, text, status, detail) => {
    await using server = await startOddServer(
      (_request, response) => void response.writeHead(status).end(text),
    );
    expect(await protocolOf(server).health("", 1_000)).toMatchObject({
      status: "starting",
      detail: expect.stringMatching(detail),
    });
  });
});

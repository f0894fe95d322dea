import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseRuntime } from "../../../src/runtime/parse.ts";
import { createHttpProtocol } from "../../../src/worker/protocols/http.ts";
import type { HttpTemplate } from "../../../src/worker/service.ts";
import { blocksIn } from "../../kit/document-blocks.ts";
import { answerJson, type Behaviour, startOddServer } from "../../kit/odd-server.ts";
import { newFolder, plainSpec, runAt } from "../../kit/service-run.ts";
import { until } from "../../kit/until.ts";

const plain: HttpTemplate = {
  request: { method: "POST", path: "/do", headers: {}, query: {}, body: null, form: null },
  response: { body: "json", output: null, text: null, artifacts: [] },
  progress: null,
  cancel: null,
};

function templateWith(
  request: Partial<HttpTemplate["request"]>,
  response: Partial<HttpTemplate["response"]> = {},
) {
  return {
    ...plain,
    request: { ...plain.request, ...request },
    response: { ...plain.response, ...response },
  };
}

function protocolOf(
  server: { endpoint: string },
  template: HttpTemplate,
  fileParams: readonly string[] = [],
) {
  return createHttpProtocol(server.endpoint, { ...plainSpec, readyPath: "/ok", template, fileParams });
}

/** The server of a runtime in the documents. */
function documented(name: string) {
  const yaml = blocksIn("docs/protocols.md", "yaml").find((block) => block.startsWith(`name: ${name}\n`));
  const { server, params } = parseRuntime(yaml ?? "", { dir: `/runtimes/${name}`, origin: "user" });
  if (server === null) throw new Error("it has no server");
  const files = Object.keys(params).filter((param) => params[param]?.type === "file");
  return { ...plainSpec, ...server, fileParams: files };
}

describe("the WebUI of the documents", () => {
  const png = Buffer.from("\x89PNG\r\n\x1a\n1", "latin1").toString("base64");

  /** It works until it is told to go on, or interrupted. */
  function webui(): { behave: Behaviour; goOn: () => void } {
    let finish = (): void => undefined;
    const behave: Behaviour = ({ path, body }, response) => {
      if (path === "/sdapi/v1/options") return answerJson(response, {});
      if (path.startsWith("/sdapi/v1/progress"))
        return answerJson(response, { progress: 0.5, state: { job: "txt2img" } });
      if (path === "/sdapi/v1/interrupt") {
        answerJson(response, {});
        return finish();
      }
      finish = () => answerJson(response, { images: [png, png], parameters: JSON.parse(body) });
      return body.includes('"warm up"') ? finish() : undefined;
    };
    return { behave, goOn: () => finish() };
  }

  it("is warmed up, asked with the job's params, followed, and its pictures saved", async () => {
    const ui = webui();
    await using server = await startOddServer(ui.behave);
    const protocol = createHttpProtocol(server.endpoint, documented("webui"));
    await until("it is ready", async () => (await protocol.health("", 1_000))?.status === "ready");
    const run = runAt(protocol, { prompt: 'a "cat" {steps}', steps: 5, width: 512 });
    const asked = await until("it was asked", () => server.seen.find(({ body }) => body.includes("cat")));
    expect(JSON.parse(asked.body)).toEqual({ prompt: 'a "cat" {steps}', steps: 5, width: 512 });
    await until("it says how far it is", () => run.events.length > 0);
    expect(run.events[0]).toEqual({ type: "progress", fraction: 0.5, text: "txt2img" });
    ui.goOn();
    expect(await run.outcome).toMatchObject({
      kind: "succeeded",
      output: { steps: 5 },
      artifacts: [
        { name: "image.png", bytes: 9, type: "image/png" },
        { name: "image-2.png", bytes: 9, type: "image/png" },
      ],
    });
  });

  it("is interrupted, and its end is waited for", async () => {
    const ui = webui();
    await using server = await startOddServer(ui.behave);
    const protocol = createHttpProtocol(server.endpoint, documented("webui"));
    const run = runAt(protocol, { prompt: "a cat", steps: 5, width: 512 });
    await until("it was asked", () => server.seen.length > 0);
    await protocol.cancel("", 7);
    expect((await run.outcome).kind).toBe("cancelled");
    expect(server.seen.some(({ path }) => path === "/sdapi/v1/interrupt")).toBe(true);
  });
});

describe("a request", () => {
  it("takes params into path, query, headers and body, and leaves out what is absent", async () => {
    await using server = await startOddServer((_request, response) => answerJson(response, { ok: true }));
    const template = templateWith({
      method: "PUT",
      path: "/models/{model}/do",
      query: { n: "{n}", gone: "{gone}" },
      headers: { "x-word": "w-{word}", "x-gone": "{gone}" },
      body: {
        n: "{n}",
        all: ["{yes}", "{gone}", 1, null],
        deep: { "{n}": "n={n}, {word}", gone: "a{gone}" },
      },
    });
    const params = { model: "a/b c", n: 2.5, word: "wörd", yes: true };
    expect(await runAt(protocolOf(server, template), params).outcome).toMatchObject({ output: { ok: true } });
    const [seen] = server.seen;
    expect(seen).toMatchObject({ method: "PUT", path: "/models/a%2Fb%20c/do?n=2.5" });
    expect(seen?.headers["x-word"]).toBe("w-wörd");
    expect(seen?.headers["x-orch-correlation"]).toBe("test");
    expect(seen?.headers).not.toHaveProperty("x-gone");
    expect(JSON.parse(Buffer.from(seen?.body ?? "", "latin1").toString())).toEqual({
      n: 2.5,
      all: [true, 1, null],
      deep: { "{n}": "n=2.5, wörd" },
    });
  });

  it("holds files as base64, as data URL, as path, or in a form", async () => {
    await using server = await startOddServer((_request, response) => answerJson(response, {}));
    const picture = join(newFolder(), "a.png");
    writeFileSync(picture, Buffer.alloc(100_001, "ab"));
    const base64 = Buffer.alloc(100_001, "ab").toString("base64");
    const body = { a: "{picture:base64}", b: ["{picture:dataUrl}"], c: "{picture}" };
    await runAt(protocolOf(server, templateWith({ body }), ["picture"]), { picture }).outcome;
    expect(JSON.parse(server.seen[0]?.body ?? "")).toEqual({
      a: base64,
      b: [`data:image/png;base64,${base64}`],
      c: picture,
    });
    const form = { file: "{picture}", note: "of {picture}" };
    await runAt(protocolOf(server, templateWith({ form }), ["picture"]), { picture }).outcome;
    expect(server.seen[1]?.body).toContain(`name="note"\r\n\r\nof ${picture}\r\n`);
    expect(server.seen[1]?.body).toContain("content-type: image/png\r\n\r\nababab");
  });

  it.each([
    [{ headers: { "x-a": "{word}" } }, { word: "a\r\nb: c" }, /header x-a cannot hold/],
    [{ body: "{picture:base64}" }, { picture: "https://example.org/a.png" }, /local files/],
    [{ form: { a: "{picture}" } }, { picture: "/nowhere/a.png" }, /ENOENT/],
  ])("with %j is not sent", async (request, params, message) => {
    await using server = await startOddServer(() => undefined);
    const protocol = protocolOf(server, templateWith(request), ["picture"]);
    expect(await runAt(protocol, params).outcome).toMatchObject({
      kind: "failed",
      message: expect.stringMatching(message),
    });
    expect(server.seen).toEqual([]);
  });
});

describe("an answer", () => {
  it("that is a file is saved as it comes, with the extension of what it is", async () => {
    await using server = await startOddServer(
      (_request, response) => void response.end("\x89PNG\r\n\x1a\n", "latin1"),
    );
    const artifacts = [{ at: "", encoding: "none", name: "big", type: null } as const];
    const run = runAt(protocolOf(server, templateWith({}, { body: "binary", artifacts })), {});
    expect(await run.outcome).toMatchObject({ output: { files: ["big.png"] } });
  });

  it("that is text is output and log", async () => {
    await using server = await startOddServer((_request, response) => void response.end("hällo"));
    const run = runAt(protocolOf(server, templateWith({}, { body: "text" })), {});
    expect(await run.outcome).toMatchObject({ output: { text: "hällo" } });
    expect(run.log()).toEqual(["hällo"]);
  });

  const rule = { at: "/a~1b/0", encoding: "base64", name: null, type: null } as const;
  it.each([
    [{ output: "/nowhere" }, /nothing at \/nowhere/],
    [{ artifacts: [{ ...rule, at: "/number" }] }, /at \/number is no text/],
    [{ artifacts: [{ ...rule, at: "/word" }] }, /not base64/],
    [{ artifacts: [{ ...rule, at: "/word", encoding: "dataUrl" as const }] }, /no data URL/],
    [{ artifacts: [{ ...rule, at: "/url", encoding: "url" as const }] }, /not its own/],
  ])("that is not as declared (%j) fails the job", async (response, message) => {
    await using server = await startOddServer((_request, answer) =>
      answerJson(answer, { number: 1, word: "*", url: "http://10.0.0.1/x" }),
    );
    const outcome = await runAt(protocolOf(server, templateWith({}, response)), {}).outcome;
    expect(outcome).toMatchObject({ kind: "failed", message: expect.stringMatching(message) });
  });

  it("gives files at escaped places and from the server's own addresses, and text for the log", async () => {
    await using server = await startOddServer(({ path }, response) =>
      path === "/out/x.txt"
        ? void response.end("mine")
        : answerJson(response, { "a/b": ["aGk="], url: "/out/x.txt", words: "well", gone: null }),
    );
    const artifacts = [rule, { ...rule, at: "/url", encoding: "url" as const }, { ...rule, at: "/gone" }];
    const run = runAt(protocolOf(server, templateWith({}, { text: "/words", artifacts })), {});
    expect(await run.outcome).toMatchObject({ output: { files: ["a_b", "x.txt"] } });
    expect(run.file("x.txt").toString()).toBe("mine");
    expect(run.log()).toEqual(["well"]);
  });
});

it("a server that sends on to another address is not followed", async () => {
  await using server = await startOddServer((_request, response) => {
    response.writeHead(307, { location: "http://10.0.0.1/do/" }).end();
  });
  expect(await runAt(protocolOf(server, plain), {}).outcome).toMatchObject({
    kind: "failed",
    message: "the server refused POST /do: HTTP 307: it sends on to http://10.0.0.1/do/",
  });
  expect(await protocolOf(server, plain).health("", 1_000)).toMatchObject({ status: "starting" });
});

it("a job without a way to be cancelled is given up by closing its connection", async () => {
  await using server = await startOddServer(() => undefined);
  const protocol = protocolOf(server, plain);
  const { outcome } = runAt(protocol, {});
  await until("it was asked", () => server.seen.length > 0);
  await protocol.cancel("", 7);
  expect((await outcome).kind).toBe("cancelled");
  await server.seen[0]?.closed;
});

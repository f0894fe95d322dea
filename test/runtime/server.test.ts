import { describe, expect, it } from "vitest";
import { laneOf } from "../../src/runtime/lane.ts";
import { parseRuntime } from "../../src/runtime/parse.ts";
import { blocksIn } from "../kit/document-blocks.ts";
import { expectFailure } from "./expect-failure.ts";
import { runtimeFrom } from "./runtime-from.ts";

const params = `params:
  prompt: { type: string, required: true }
  picture: { type: file }
  seed: { type: integer, max: 9 }
  size: { type: string, load: true }
`;

const http = (server: string) =>
  `protocol: http\ncommand: [serve, "{port}"]\n${params}server:\n  ready: /ok\n${server}\n`;
const request = (text: string) => http(`  request: ${text}`);

describe("the documents", () => {
  const blocks = blocksIn("docs/protocols.md", "yaml");

  it.each(blocks.map((block) => [/^name: (\S+)/.exec(block)?.[1] ?? "", block]))(
    "show a valid %s",
    (name, block) => {
      const runtime = parseRuntime(block, { dir: `/runtimes/${name}`, origin: "user" });
      expect(["openai", "cog", "http"]).toContain(runtime.protocol);
      expect(runtime.server).not.toBeNull();
    },
  );

  it("show one of each protocol at least", () => {
    const shown = blocks.map((block) => /^protocol: (\w+)$/m.exec(block)?.[1]);
    expect(new Set(shown)).toEqual(new Set(["openai", "cog", "http"]));
  });
});

describe("a server", () => {
  it("has defaults for all that is not said", () => {
    expect(runtimeFrom("protocol: cog\nengine: container\nimage: x\n").server).toEqual({
      port: null,
      readyPath: null,
      keySecret: null,
      isPublic: false,
      model: null,
      api: "chat",
      warmUp: null,
      template: null,
    });
    expect(runtimeFrom(request('{ path: /do, body: { p: "{prompt}" } }')).server?.template).toEqual({
      request: { method: "POST", path: "/do", headers: {}, query: {}, body: { p: "{prompt}" }, form: null },
      response: { body: "json", output: null, text: null, artifacts: [] },
      poll: null,
      progress: null,
      cancel: null,
    });
  });

  it("is another lane for other load params", () => {
    const runtime = runtimeFrom(request("{ path: /do }"));
    expect(laneOf(runtime, { size: "7b", prompt: "x" }).key).toBe("demo?size=7b");
  });

  /** What is wrong, the file after its name, where, and why. */
  const corpus: readonly (readonly [string, string, string, RegExp])[] = [
    ["orch with a server", "server: { port: 1 }\n", "server", /openai, cog and http/],
    ["a process without a command", "protocol: openai\n", "command", /needs a command/],
    ["a path for a port", "protocol: cog\nserver: { port: 99999 }\n", "server.port", /at most 65535/],
    ["an unknown key", "protocol: cog\nserver: { redy: /a }\n", "server.redy", /did you mean "ready"\?/],
    [
      "a key that is no secret's name",
      "engine: container\nimage: x\nprotocol: cog\nserver: { key: sk-c4n4ry }\n",
      "server.key",
      /^must be the name of a secret of this runtime/,
    ],
    [
      "a key that the runtime does not have",
      "engine: container\nimage: x\nprotocol: cog\nserver: { key: API_KEY }\n",
      "server.key",
      /^names no secret of this runtime; add it to its secrets$/,
    ],
    [
      "a poll without a place",
      request("{ path: /do }\n  poll: { done: [ok] }"),
      "server.poll",
      /path with \{id\}, or url/,
    ],
    [
      "a poll that knows no job",
      request("{ path: /do }\n  poll: { path: /jobs, done: [ok] }"),
      "server.poll.path",
      /needs \{id\}/,
    ],
    [
      "a poll with a param",
      request('{ path: /do }\n  poll: { path: "/jobs/{id}", result: "/{prompt}", done: [ok] }'),
      "server.poll.result",
      /takes \{id\} alone/,
    ],
    [
      "a status that is both",
      request('{ path: /do }\n  poll: { path: "/jobs/{id}", done: [ok], failed: [ok] }'),
      "server.poll.failed",
      /"ok" is among done, too/,
    ],
    [
      "a cancel by an id that nobody has",
      request('{ path: /do }\n  cancel: { path: "/jobs/{id}" }'),
      "server.cancel.path",
      /takes no params/,
    ],
    [
      "a key beside its header",
      `secrets: [KEY]\n${request('{ path: /do, headers: { Authorization: "x" } }\n  key: KEY')}`,
      "server.request.headers.Authorization",
      /is sent with server.key/,
    ],
    ["an unknown api", "protocol: openai\nserver: { api: chta }\n", "server.api", /did you mean "chat"\?/],
    [
      "a key of another protocol",
      "engine: container\nimage: x\nprotocol: cog\nserver: { api: chat }\n",
      "server.api",
      /for protocol openai/,
    ],
    [
      "a sound without a file",
      "protocol: openai\ncommand: [x]\nserver: { api: transcriptions }\n",
      "server.api",
      /type file/,
    ],
    [
      "a param of the job in the command",
      `protocol: openai\ncommand: [x, "{prompt}"]\n${params}`,
      "command[1]",
      /load: true/,
    ],
    [
      "a misspelt load param",
      `protocol: openai\ncommand: [x, "{sise}"]\n${params}`,
      "command[1]",
      /did you mean "size"\?/,
    ],
    [
      "a load param called port",
      "protocol: openai\ncommand: [x]\nparams: { port: { type: integer, load: true } }\n",
      "params.port",
      /orch chooses/,
    ],
    [
      "http without a request",
      "protocol: http\ncommand: [x]\nserver: { ready: /a }\n",
      "server.request",
      /needs it/,
    ],
    [
      "http without ready",
      "protocol: http\ncommand: [x]\nserver: { request: { path: /a } }\n",
      "server.ready",
      /needs it/,
    ],
    [
      "an unknown key of the request",
      request("{ path: /do, hedders: {} }"),
      "server.request.hedders",
      /did you mean "headers"\?/,
    ],
    [
      "an unknown key of a file",
      http("  request: { path: /d }\n  response: { artifacts: [{ att: /a }] }"),
      "server.response.artifacts[0].att",
      /did you mean "at"\?/,
    ],
    ["a path that is none", request("{ path: do }"), "server.request.path", /must be a path/],
    [
      "an unknown param in the body",
      request('{ path: /do, body: { a: [1, "{promt}"] } }'),
      "server.request.body.a[1]",
      /no param "promt"; did you mean "prompt"\?/,
    ],
    [
      "an unknown param in the query",
      request('{ path: /do, query: { q: "{x}" } }'),
      "server.request.query.q",
      /no param "x"/,
    ],
    [
      "an unknown encoding",
      request('{ path: /do, body: "{picture:base46}" }'),
      "server.request.body",
      /\{picture:base64\} or \{picture:dataUrl\}/,
    ],
    [
      "the content of text",
      request('{ path: /do, body: "{prompt:base64}" }'),
      "server.request.body",
      /"prompt" is none/,
    ],
    [
      "content within a text",
      request('{ path: /do, body: "x{picture:base64}" }'),
      "server.request.body",
      /stand alone/,
    ],
    [
      "an encoding in a form",
      request('{ path: /do, form: { f: "{picture:base64}" } }'),
      "server.request.form.f",
      /write \{picture\}/,
    ],
    [
      "an optional param in a path",
      request("{ path: '/do/{seed}' }"),
      "server.request.path",
      /"seed" is optional/,
    ],
    ["a body and a form", request("{ path: /do, body: 1, form: {} }"), "server.request.form", /not both/],
    ["a body of GET", request("{ method: GET, path: /do, body: 1 }"), "server.request.method", /no body/],
    [
      "a header of orch",
      request("{ path: /do, headers: { Host: x } }"),
      "server.request.headers.Host",
      /set by orch/,
    ],
    [
      "a header with a space",
      request("{ path: /do, headers: { 'a b': x } }"),
      "server.request.headers.a b",
      /not a name/,
    ],
    [
      "a pointer that is none",
      http("  request: { path: /d }\n  response: { output: a/b }"),
      "server.response.output",
      /JSON pointer/,
    ],
    [
      "a pointer with a bad escape",
      http("  request: { path: /d }\n  response: { output: /a~2 }"),
      "server.response.output",
      /JSON pointer/,
    ],
    [
      "a file without a place",
      http("  request: { path: /d }\n  response: { artifacts: [{ name: a }] }"),
      "server.response.artifacts[0].at",
      /where in the answer/,
    ],
    [
      "a file name that leads out",
      http("  request: { path: /d }\n  response: { artifacts: [{ at: /a, name: ../a }] }"),
      "server.response.artifacts[0].name",
      /file name/,
    ],
    [
      "places in a binary answer",
      http("  request: { path: /d }\n  response: { body: binary, output: /a }"),
      "server.response.output",
      /no places/,
    ],
    [
      "two files in a binary answer",
      http("  request: { path: /d }\n  response: { body: binary, artifacts: [{}, {}] }"),
      "server.response.artifacts",
      /one file/,
    ],
    [
      "a progress too often",
      http("  request: { path: /d }\n  progress: { path: /p, every: 1ms }"),
      "server.progress.every",
      /50ms to 1h/,
    ],
    [
      "a param in cancel",
      http("  request: { path: /d }\n  cancel: { path: '/c/{seed}' }"),
      "server.cancel.path",
      /takes no params/,
    ],
    [
      "an unknown param to warm up",
      http("  request: { path: /d }\n  warmUp: { prompt: a, sed: 1 }"),
      "server.warmUp.sed",
      /did you mean "seed"\?/,
    ],
    [
      "a warm-up without what is required",
      http("  request: { path: /d }\n  warmUp: { seed: 1 }"),
      "server.warmUp",
      /"prompt" is required/,
    ],
    [
      "a warm-up out of range",
      http("  request: { path: /d }\n  warmUp: { prompt: a, seed: 10 }"),
      "server.warmUp.seed",
      /at most 9/,
    ],
  ];
  it.each(corpus)("cannot have %s", (_what, text, path, why) => {
    const failure = expectFailure(() => runtimeFrom(text), "runtime/invalid", /runtime\.yaml:\d+:\d+: /, why);
    expect(failure.message).toContain(`"${path}" is not valid`);
  });
});

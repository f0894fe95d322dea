import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();
let home: OrchHome;
let port: number;
let host: string;
let key: string;
beforeAll(async () => {
  home = createHome();
  writeConfig(home);
  home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: ['true']\n");
  await home.daemon();
  key = `authorization: Bearer ${await makeKey(home, "heads")}`;
  port = Number(new URL(await urlOf(home)).port);
  host = `host: 127.0.0.1:${port}`;
});
afterAll(() => home[Symbol.asyncDispose]());

/** Sends bytes as they are. @returns the status of each answer, until the gateway hangs up */
function send(...lines: string[]): Promise<number[]> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(lines.join("\r\n"), "latin1"));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () =>
      resolve([...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => Number(code))),
    );
  });
}

const JSON_TYPE = "content-type: application/json";
const body = JSON.stringify({ runtime: "note" });
const length = `content-length: ${body.length}`;
const POST = "POST /api/v1/jobs HTTP/1.1";
const GET = "GET /api/v1/jobs HTTP/1.1";
const CLOSE = "connection: close";

it("heads of which proxies and servers make different things are refused, and what follows them is not read [fault 48]", async () => {
  const refused: Readonly<Record<string, readonly string[]>> = {
    "a length and pieces": [
      POST,
      host,
      key,
      JSON_TYPE,
      length,
      "transfer-encoding: chunked",
      "",
      "0",
      "",
      GET,
      host,
      key,
      "",
      "",
    ],
    "two lengths": [POST, host, key, JSON_TYPE, length, "content-length: 1", "", body],
    "a length with a sign": [POST, host, key, JSON_TYPE, `content-length: +${body.length}`, "", body],
    "an unknown encoding": [POST, host, key, JSON_TYPE, "transfer-encoding: xchunked", "", "0", "", ""],
    "pieces, and then not": [
      POST,
      host,
      key,
      JSON_TYPE,
      "transfer-encoding: chunked, identity",
      "",
      "0",
      "",
      "",
    ],
    "a folded line": [GET, host, "authorization: Bearer", ` ${key.slice(22)}`, "", ""],
    "a space before the colon": [GET, host, key.replace(":", " :"), "", ""],
    "a NUL": [GET, host, key, "x: a\0b", "", ""],
    "two hosts, ours first": [GET, host, "host: evil.example", key, "", ""],
    "two hosts, ours last": [GET, "host: evil.example", host, key, "", ""],
    "twice the same host": [GET, host, host, key, "", ""],
    "no host": [GET, key, "", ""],
  };
  for (const [what, lines] of Object.entries(refused)) expect(await send(...lines), what).toEqual([400]);
  expect(await send(POST, host, key, JSON_TYPE, length, CLOSE, "", body), "as it should be").toEqual([200]);
  expect((await home.client.call("GET /jobs", { limit: 10 })).jobs, "that one alone").toHaveLength(1);
});

it("paths mean what they say: nothing in them is resolved, joined or decoded twice [fault 50]", async () => {
  const paths = {
    "/api/v1/%2e%2e/v1/jobs": 404,
    "/api/v1/../v1/jobs": 404,
    "//api/v1/jobs": 404,
    "/api//v1/jobs": 404,
    "/api/v1/jobs/": 400,
    "/API/v1/jobs": 404,
    "/api/v1/jobs%2f1": 404,
    "/api/v1/jobs/1%2fartifacts": 400,
    "/api/v1/jobs/%2531": 400,
    "/api/v1/jobs/1%00": 400,
    "http://evil.example/api/v1/jobs": 404,
  };
  const close = [host, key, CLOSE, "", ""];
  for (const [path, status] of Object.entries(paths))
    expect(await send(`GET ${path} HTTP/1.1`, ...close), path).toEqual([status]);
  expect(await send(GET, ...close)).toEqual([200]);
});

it("an answer of 401 ends the connection: what was sent behind it is not taken for another's", async () => {
  expect(await send(GET, host, "", GET, host, key, "", "")).toEqual([401]);
  expect(await send(GET, host, key, "", GET, host, key, CLOSE, "", "")).toEqual([200, 200]);
});

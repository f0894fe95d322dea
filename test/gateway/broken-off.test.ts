import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { ask, makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();
let home: OrchHome;
let url: string;
let key: string;
beforeAll(async () => {
  home = createHome();
  writeConfig(home);
  home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: ['true']\n");
  await home.daemon();
  key = await makeKey(home, "torn");
  url = await urlOf(home);
});
afterAll(() => home[Symbol.asyncDispose]());

const submission = (idempotencyKey: string): string =>
  JSON.stringify({ runtime: "note", options: { hold: true }, idempotencyKey });

/** Sends the first bytes of a submission and hangs up; whether they had reached the gateway is for it to know. */
async function sendPart(body: string, bytes: number): Promise<void> {
  const head = `POST /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) });
  await new Promise((resolve) => socket.once("connect", resolve));
  await new Promise((resolve) => socket.write((head + body).slice(0, bytes), resolve));
  socket.resetAndDestroy();
}

it("a client that dies while it submits, at whatever byte, leaves no half a job, and one that asks again has one [fault 47]", async () => {
  const whole = 400;
  const cuts = Array.from({ length: 40 }, (_, index) => 1 + index * 10);
  await Promise.all(cuts.map((bytes) => sendPart(submission(`cut-${bytes}`), Math.min(bytes, whole))));
  // Those whose last byte had come may be there, as a whole; the same key finds them.
  for (const bytes of cuts) {
    const body = submission(`cut-${bytes}`);
    const [first, again] = [await submit(body), await submit(body)];
    expect(first.status).toBe(200);
    expect(again.json).toMatchObject({ id: first.json["id"], isRepeat: true });
  }
  const { total, jobs } = await home.client.call("GET /jobs", { limit: 1000 });
  expect(total, "one each").toBe(cuts.length);
  expect(new Set(jobs.map(({ state }) => state))).toEqual(new Set(["held"]));
});

const submit = (body: string) => ask(url, { method: "POST", path: "/api/v1/jobs", key, body });

import { describe, expect, it } from "vitest";
import { createRng, type Rng } from "../../src/std/rng.ts";
import { useOrch } from "../e2e/session.ts";
import { ask } from "../gateway/door.ts";
import { startPredictions } from "./prediction-home.ts";

const createHome = useOrch();
const ROUNDS = 250;

const creating = [
  ...[
    "POST /replicate/v1/predictions",
    "POST /replicate/v1/models/a/say/predictions",
    "POST /runtimes/say/predictions",
  ],
  ...["PUT /runtimes/say/predictions/abc", "PUT /runtimes/say/predictions/%00", "POST /replicate/v1/files"],
];
const others = [
  ...[
    "GET /replicate/v1/predictions/1",
    "POST /replicate/v1/predictions/1/cancel",
    "GET /replicate/v1/predictions?cursor=x",
  ],
  ...[
    "GET /replicate/v1/predictions/%22%20or%20id%3E0",
    "GET /runtimes/say/predictions/%ff",
    "DELETE /replicate/v1/files/x",
  ],
  ...[
    "GET /replicate/v1/files/..%2f..%2fetc",
    "GET /replicate/v1/links/x.y",
    "GET /replicate/v1/models/a/say/versions/say",
  ],
  ...[
    "POST /runtimes/say/predictions/1/cancel",
    "GET /runtimes/say/openapi.json",
    "POST /runtimes/%zz/predictions",
  ],
  ...[
    "POST /runtimes//predictions",
    "POST /runtimes/__proto__/predictions",
    "PATCH /runtimes/say",
    "GET /replicate/v1/constructor",
  ],
];
const odd: unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1e308,
    "",
    "x",
    "\0",
    "\ud800",
    "é".repeat(300),
    [],
    [[]],
    {},
    { a: { b: {} } },
    "http://",
    "data:,",
    "../../x",
  ],
  ...["__proto__", "1".repeat(400), Number.MAX_SAFE_INTEGER],
];
const names = [
  "input",
  "version",
  "webhook",
  "webhook_events_filter",
  "id",
  "model",
  "stream",
  "output_file_prefix",
  "__proto__",
  "constructor",
];
const inputs = ["text", "times", "until", "fail", "image", "toString", "__proto__"];

function spoiltBody(rng: Rng): string {
  const body: Record<string, unknown> = { version: "say", input: { text: "a" } };
  for (let n = rng.below(3); n >= 0; n -= 1)
    Object.defineProperty(body, rng.pick(names), {
      value: rng.pick(odd),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  if (rng.chance(0.5))
    body["input"] = Object.fromEntries([
      [rng.pick(inputs), rng.pick(odd)],
      ["text", rng.pick(odd)],
    ]);
  const text = JSON.stringify(body);
  if (rng.chance(0.7)) return text;
  const at = rng.below(text.length);
  return rng.chance(0.5)
    ? text.slice(0, at)
    : `${text.slice(0, at)}${String.fromCharCode(rng.below(300))}${text.slice(at)}`;
}

describe("spoilt requests for predictions", () => {
  it("are refused by name, never by a bug", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const rng = createRng(20_260);
    const statuses = new Map<number, number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const [method = "", path = ""] = rng.pick(rng.chance(0.7) ? creating : others).split(" ");
      const body = method === "GET" ? undefined : spoiltBody(rng);
      const headers: Record<string, string> = rng.chance(0.1)
        ? {
            accept: "text/event-stream",
            "last-event-id": rng.pick(["x", "o1", "c", "l_1.1@99999", "s", "o999999_9.9@9"]),
          }
        : { prefer: rng.pick(["respond-async", "wait=0", "respond-async, wait=5", "respond-async"]) };
      if (rng.chance(0.05)) headers["cancel-after"] = rng.pick(["", "x", "1e9", "9999999d"]);
      const { status, text } = await ask(at.url, { method, path, key: at.key, headers, body });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect({
        round,
        method,
        path,
        body,
        headers,
        isBug: status >= 500,
        text: status >= 500 ? text : "",
      }).toMatchObject({ isBug: false });
    }
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([404, 422]));
    expect(statuses.get(422) ?? 0, "they are about what is in them").toBeGreaterThan(ROUNDS / 10);
    expect((await ask(at.url, { key: at.key })).status, "it goes on").toBe(200);
  });
});

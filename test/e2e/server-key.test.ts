import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

const KEY = "c4n4ry-key-0123";

/** Serves only whoever has the key that it finds in its environment, and says what it was asked. */
const SERVER = `import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

print("my key is", os.environ["SERVER_KEY"], flush=True)


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        allowed = self.headers.get("authorization") == "Bearer " + os.environ["SERVER_KEY"]
        document = {"asked": json.loads(body or b"null")} if allowed else {"error": "no key, no answer"}
        data = json.dumps(document).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer
    log_message = lambda *_: None


HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`;

const yaml = (name: string, key: string) => `name: ${name}
protocol: http
command: [python3, server.py, "{port}"]
gpu: { count: 0 }
secrets: [SERVER_KEY]
timeouts: { ready: 5s, stop: 2s }
params:
  messages: { type: json, required: true, help: what was said }
  options: { type: json, default: { stop: [a, b] } }
server:
  ready: /
  ${key}
  warmUp: { messages: [{ role: user }] }
  request: { path: /do, query: { q: "{options}" }, body: { messages: "{messages}", options: "{options}" } }
  response: { output: /asked }
`;

let host: Host;
beforeAll(async () => {
  host = await startHost();
  host.addRuntime("keyed", yaml("keyed", "key: SERVER_KEY"), { "server.py": SERVER });
  host.addRuntime("keyless", yaml("keyless", ""), { "server.py": SERVER });
});
afterAll(() => host[Symbol.asyncDispose]());

const detail = (job: number) => host.client.call("GET /jobs/:job", { job });

async function submit(...words: string[]): Promise<number> {
  const { code, stdout, stderr } = await host.cli("submit", ...words, "-q");
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return Number(stdout.trim());
}

/** All files below a folder that are no sockets. */
function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .map((name) => join(dir, name))
    .filter((file) => statSync(file).isFile());
}

it("a server's key is sent with every request, by whichever daemon, and stands nowhere", async () => {
  const { home } = host;
  mkdirSync(join(home, "secrets"), { recursive: true, mode: 0o700 });
  writeFileSync(join(home, "secrets/SERVER_KEY"), `${KEY}\n`, { mode: 0o400 });
  const job = await submit("keyed", "--messages", '[{"role":"user","content":"hi"}]');
  await host.until(job, "succeeded");
  expect((await detail(job)).output).toEqual({
    messages: [{ role: "user", content: "hi" }],
    options: { stop: ["a", "b"] },
  });
  await host.kill();
  await host.start();
  const file = join(home, "messages.json");
  writeFileSync(file, '{"deep": [[1, {"x": null}]]}');
  const next = await submit("keyed", "--param", `messages=@${file}`, "--param", "options=[]");
  const { worker } = await host.until(next, "succeeded");
  expect(worker).toBe("keyed-1");
  expect((await detail(next)).output).toEqual({ messages: { deep: [[1, { x: null }]] }, options: [] });
  const shown = await host.cli("logs", "--daemon");
  expect(shown.stdout + (await host.cli("events")).stdout).not.toContain(KEY);
  // What the server itself has said of it is overwritten within a second.
  await until("no file has it", () =>
    filesIn(join(home, "state")).every((each) => !readFileSync(each, "latin1").includes(KEY)),
  );
  const { workers } = await host.client.call("GET /workers", {});
  const pid = workers.find(({ name }) => name === "keyed-1")?.pid ?? 0;
  expect(readFileSync(`/proc/${pid}/cmdline`, "latin1")).not.toContain(KEY);
});

it("without the key the server's own words are the reason", async () => {
  const job = await submit("keyless", "--messages", "{}");
  const text = await until("the reason is told", async () => {
    const { reason } = await detail(job);
    return reason?.text.includes("401") === true && reason.text;
  });
  expect(text).toContain("no key, no answer");
  await host.cli("cancel", String(job));
});

it("what is no list or map is refused with its reason", async () => {
  const wrong: [string[], string][] = [
    [["--messages", "{oops"], "messages is not JSON"],
    [["--messages", "12"], "messages is neither a JSON list nor a map"],
    [["--param", "messages=@nowhere.json"], "there is no such file"],
    [[], 'param "messages" of runtime "keyed" is missing'],
  ];
  for (const [args, text] of wrong) {
    const done = await host.cli("submit", "keyed", ...args);
    expect([args, done.stderr]).toEqual([args, expect.stringContaining(text)]);
    expect(done.code).toBe(2);
  }
  const deep = `${"[".repeat(70)}${"]".repeat(70)}`;
  await expect(
    host.client.call("POST /jobs", { runtime: "keyed", params: { messages: deep } }),
  ).rejects.toMatchObject({ code: "param/invalid", why: expect.stringContaining("64 levels") });
});

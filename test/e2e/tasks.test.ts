import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { documentOf } from "../compat/mloc/mloc-home.ts";
import { askAs, users, whyNoUsers } from "../kit/as-user.ts";
import { type Host, startHost } from "../kit/host.ts";

const echo = documentOf("echo", "  word: hello\n", "greeting");
const staged = documentOf(
  "echo",
  `  stages:\n    - { name: a }\n    - { name: b, spec: { x: "\${a.result.no}" } }\n`,
);

describe("orch apply and orch get", () => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost();
  }, 30_000);
  afterAll(() => host[Symbol.asyncDispose]());

  const apply = (text: string, ...flags: string[]) => host.cli("apply", "-f", write(text), ...flags);
  const write = (text: string): string => {
    host.addRuntime("notes", "", { "task.yaml": text });
    return `${host.home}/runtimes/notes/task.yaml`;
  };

  it("queue a document and show what came of it", async () => {
    const { code, stdout, stderr } = await apply(echo, "--wait");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^TASK +NAME +TYPE +STATUS[^\n]*\n\S{36} +greeting +echo +done/);
    const id = (await host.cli("get", "-q")).stdout.trim();
    const one = await host.cli("get", id, "--json");
    expect(JSON.parse(one.stdout)).toMatchObject({
      id,
      status: "done",
      result: { ok: true, echo: { word: "hello" } },
    });
    expect((await host.cli("get", id)).stdout).toContain('"word":"hello"');
    expect((await host.cli("get", "--filter", "status = failed")).stderr).toBe("nothing meets the filter\n");
  });

  it("end with 1 when a task failed, and say which and why", async () => {
    const { code, stdout, stderr } = await apply(staged, "--wait", "--json");
    expect(code).toBe(1);
    expect(stderr).toBe("t:b failed: $" + "{a.result.no}: a has nothing at result.no\n");
    expect((JSON.parse(stdout) as { tasks: object[] }).tasks).toMatchObject([
      { status: "done" },
      { status: "failed" },
    ]);
  });

  it("name what is wrong", async () => {
    const wrong = await apply(echo.replace("kind: Task\n", ""));
    expect([wrong.code, wrong.stdout]).toEqual([2, ""]);
    expect(wrong.stderr).toContain("error: Missing required field: kind");
    expect(await host.cli("apply", "-f", "none.yaml")).toMatchObject({ code: 2 });
    expect(await host.cli("apply")).toMatchObject({ code: 2 });
    const none = await host.cli("get", "none");
    expect(none.code).toBe(5);
    expect(none.stderr).toContain("there is none of none");
  });
});

const why = whyNoUsers();

describe("tasks of several users", () => {
  it.skipIf(why !== null)(
    `are seen by who submitted them alone${why === null ? "" : ` (${why})`}`,
    async () => {
      const { ada, bob } = users;
      await using host = await startHost({ config: "group: nogroup\n" });
      const made = await askAs(ada, host.paths.socket, "POST /tasks", { document: echo });
      const [task] = (JSON.parse(made.text) as { tasks: { id: string; user: string }[] }).tasks;
      expect(task?.user).toBe(ada.name);
      const list = async (user: typeof ada | typeof bob): Promise<string> =>
        (await askAs(user, host.paths.socket, "GET /tasks")).text;
      expect(await list(ada)).toContain(task?.id);
      expect(JSON.parse(await list(bob))).toEqual({ tasks: [] });
      const { status } = await askAs(bob, host.paths.socket, `GET /tasks/${task?.id}`);
      expect(status).toBe(403);
      expect((await host.client.call("GET /tasks", {})).tasks, "root sees all").toHaveLength(1);
    },
  );
});

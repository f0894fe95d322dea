import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askAs, type TestUser, users, whyNoUsers } from "../../kit/as-user.ts";
import { type Host, startHost } from "../../kit/host.ts";
import { until } from "../../kit/until.ts";
import { documentOf } from "./mloc-home.ts";

const why = whyNoUsers();
const { ada, bob } = users;
const FAR_MS = 4_000_000_000_000;

describe.skipIf(why !== null)(`tasks on a daemon of several users (${why ?? "root"})`, () => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost({ config: `group: nogroup\nworkerUser: ${users.worker.name}\n` });
  }, 30_000);
  afterAll(async () => {
    await host.client.call("POST /shutdown", { mode: "kill" });
    await host.exited();
    await host[Symbol.asyncDispose]();
  });

  const ask = async (user: TestUser, route: string, body?: object) =>
    JSON.parse((await askAs(user, host.paths.socket, route, body)).text) as Record<string, unknown>;

  it("are removed by whose they are, or by an admin", async () => {
    const prune = (user: TestUser) => ask(user, "POST /tasks/prune", { before: FAR_MS });
    const submit = async (user: TestUser): Promise<string> => {
      const { tasks } = await ask(user, "POST /tasks", { document: documentOf("echo") });
      const [{ id }] = tasks as [{ id: string }];
      await until("it is done", async () => (await ask(user, `GET /tasks/${id}`))["status"] === "done");
      return id;
    };
    const [adas, bobs] = [await submit(ada), await submit(bob)];
    expect(await ask(bob, `GET /tasks/${adas}`)).toMatchObject({ error: { code: "permission/denied" } });
    expect(await prune(bob)).toMatchObject({ tasks: 1, results: 1 });
    expect(await ask(bob, `GET /tasks/${bobs}`)).toMatchObject({ error: { code: "task/unknown" } });
    expect(await ask(ada, `GET /tasks/${adas}`)).toMatchObject({ status: "done" });
    expect(await host.client.call("POST /tasks/prune", { before: FAR_MS })).toMatchObject({ tasks: 1 });
    expect(await ask(ada, `GET /tasks/${adas}`)).toMatchObject({ error: { code: "task/unknown" } });
  });
});

import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { ask, makeKey } from "../gateway/door.ts";
import { users, whyNoUsers } from "../kit/as-user.ts";
import { startPredictions } from "./prediction-home.ts";

const createHome = useOrch();
const why = whyNoUsers();
const { ada, bob, worker } = users;

describe.skipIf(why !== null)(`predictions of several users${why === null ? "" : `: ${why}`}`, () => {
  it("are seen, canceled and fed by whoever's they are", async () => {
    await using home = createHome();
    const { url } = await startPredictions(home, [], `group: nogroup\nworkerUser: ${worker.name}\n`);
    const keys = {
      ada: await makeKey(home, "ada", "--user", ada.name),
      bob: await makeKey(home, "bob", "--user", bob.name, "--scope", "read,submit,admin"),
    };
    const put = (key: string, image: string) =>
      ask(url, {
        ...{ method: "PUT", path: "/runtimes/say/predictions/mine", key },
        body: { input: { text: "private", image } },
      });
    const first = await put(keys.ada, "data:image/png;base64,AAAA");
    expect(first.json, "its program reads the file as its user").toMatchObject({
      status: "succeeded",
      output: { text: "private", bytes: 3 },
    });
    const { image } = first.json["input"] as { image: string };
    const paths = [
      "/runtimes/say/predictions/mine",
      "/runtimes/say/predictions/1",
      "/replicate/v1/predictions/1",
    ];
    for (const path of paths) {
      expect((await ask(url, { path, key: keys.ada })).status, path).toBe(200);
      expect((await ask(url, { path, key: keys.bob })).status, path).toBe(404);
      expect((await ask(url, { method: "POST", path: `${path}/cancel`, key: keys.bob })).status, path).toBe(
        404,
      );
    }
    expect((await ask(url, { path: new URL(image).pathname, key: keys.ada })).status).toBe(200);
    expect((await ask(url, { path: new URL(image).pathname, key: keys.bob })).status).toBe(404);
    expect((await put(keys.bob, image)).status, "what another one uploaded").toBe(422);
    const { params } = await home.client.call("GET /jobs/:job", { job: 1 });
    expect((await put(keys.bob, String(params["image"]))).status, "by its path").toBe(422);
    const own = await put(keys.bob, "data:image/png;base64,AAAA");
    expect(own.json, "the same id is another one's").toMatchObject({ id: "mine", orch: { job: 2 } });
    const list = await ask(url, { path: "/replicate/v1/predictions", key: keys.bob });
    expect((list.json["results"] as { id: string }[]).map(({ id }) => id)).toEqual(["mine"]);
    const secret = async (key: string) =>
      (await ask(url, { path: "/replicate/v1/webhooks/default/secret", key })).json["key"];
    expect(await secret(keys.ada)).not.toBe(await secret(keys.bob));
  });
});

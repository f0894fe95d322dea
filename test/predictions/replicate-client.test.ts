import Replicate, { type Prediction } from "replicate";
import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { ask } from "../gateway/door.ts";
import { until } from "../kit/until.ts";
import { startPredictions } from "./prediction-home.ts";

const createHome = useOrch();

const clientOf = ({ url, key }: { url: string; key: string }): Replicate =>
  new Replicate({ auth: key, baseUrl: `${url}/replicate/v1` });

describe("the client of Replicate", () => {
  it("runs models, waits, reads logs and outputs, and hears what went wrong", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const client = clientOf(at);
    expect(await client.run("somebody/say", { input: { text: "good day" } })).toBe("good day");
    expect(await client.run("orch/say:say", { input: { text: "a", times: 3 } })).toEqual(["a", "a", "a"]);
    expect(
      await client.run("orch/say", { input: { text: "polled" }, wait: { mode: "poll", interval: 20 } }),
    ).toBe("polled");
    await expect(client.run("orch/say", { input: { text: "x", fail: true } })).rejects.toThrow(
      /Prediction failed: .*exit code 1/,
    );
    const made = await client.predictions.create({ model: "orch/say", input: { text: "hello" } });
    expect(made).toMatchObject({
      id: "5",
      model: "orch/say",
      version: "say",
      input: { text: "hello" },
      source: "api",
    });
    expect(["starting", "processing"]).toContain(made.status);
    const done = await client.wait(made, { interval: 20 });
    expect(done).toMatchObject({
      status: "succeeded",
      output: "hello",
      error: null,
      logs: "hears hello\ngoes on\n",
    });
    expect(done.metrics?.predict_time).toBeGreaterThan(0);
    expect(done.urls.get).toBe(`${at.url}/replicate/v1/predictions/5`);
    await expect(client.run("orch/none", { input: {} })).rejects.toThrow(/status 404 .*no runtime/);
    await expect(client.run("orch/say", { input: { txt: 1 } })).rejects.toThrow(
      /status 422 .*did you mean \\"text\\"/,
    );
    await expect(client.predictions.get("999")).rejects.toThrow(/status 404/);
    const stranger = new Replicate({ auth: "orch_wrong", baseUrl: `${at.url}/replicate/v1` });
    await expect(stranger.predictions.list()).rejects.toThrow(/status 401 /);
  });

  it("cancels, lists page by page, and finds models", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const client = clientOf(at);
    const made = await client.predictions.create({
      version: "say",
      input: { text: "waits", until: at.gate },
    });
    await until("it runs", async () => (await client.predictions.get(made.id)).status === "processing");
    const waited = await client.predictions.create({
      model: "a/say",
      input: { text: "w", until: at.gate },
      wait: 1,
    });
    expect(waited.status, "what is not over after a wait is not taken for its end").toBe("starting");
    await client.predictions.cancel(made.id);
    const gone = await until("it is canceled", async () => {
      const seen = await client.predictions.get(made.id);
      return seen.status === "canceled" ? seen : null;
    });
    expect(gone).toMatchObject({ output: null, error: null });
    expect((await client.predictions.cancel(made.id)).status, "once more changes nothing").toBe("canceled");
    at.openGate();
    for (let n = 0; n < 21; n += 1)
      await home.client.call("POST /jobs", { runtime: "say", params: { text: `${n}` } });
    const seen: Prediction[] = [];
    for await (const page of client.paginate(client.predictions.list)) seen.push(...page);
    expect(seen.map(({ id }) => Number(id))).toEqual(Array.from({ length: 23 }, (_, index) => 23 - index));
    const model = await client.models.get("orch", "say");
    expect(model).toMatchObject({ owner: "orch", name: "say", latest_version: { id: "say" } });
    const schema = model.latest_version?.openapi_schema as { components: { schemas: { Input: object } } };
    expect(schema.components.schemas.Input).toMatchObject({
      required: ["text"],
      properties: { text: { type: "string", description: "what to say" }, times: { minimum: 1, maximum: 5 } },
    });
    expect((await client.models.list()).results.map(({ name }) => name)).toContain("say");
  });

  it("streams what comes of a prediction by an address without a key, and goes on where it was", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const client = clientOf(at);
    const events: { event: string; data: string; id: string }[] = [];
    for await (const { event, data, id = "" } of client.stream("orch/say", {
      input: { text: "two\nlines", times: 2 },
    }))
      events.push({ event, data: String(data), id });
    expect(events.filter(({ event }) => event === "output").map(({ data }) => data)).toEqual([
      "two\nlines",
      "two\nlines",
    ]);
    expect(
      events
        .filter(({ event }) => event === "logs")
        .map(({ data }) => data)
        .join(""),
    ).toBe("hears two\nlines\ngoes on\n");
    expect(events.at(-1)).toMatchObject({ event: "done", data: "{}" });
    const { urls } = await client.predictions.get("1");
    const path = new URL(urls.stream ?? "").pathname;
    const [first, second] = events.filter(({ event }) => event === "output");
    const again = await ask(at.url, { path, headers: { "last-event-id": first?.id } });
    expect(again.text.match(/^id: .*$/gm)).toEqual([`id: ${second?.id}`, `id: ${events.at(-1)?.id}`]);
    for (const spoilt of [
      `${path}x`,
      path.replace(/.\./, "A."),
      "/replicate/v1/links/x",
      "/replicate/v1/links/.",
      "/replicate/v1/links/bnVsbA.x",
    ])
      expect((await ask(at.url, { path: spoilt })).status).toBe(401);
    await home.orch(["keys", "rm", "client"]);
    await home.orch(["keys", "add", "--name", "other", "-q"]);
    expect(
      (
        await ask(
          await until(
            "it listens",
            async () => (await home.client.call("GET /keys", {})).gateway?.url ?? null,
          ),
          { path },
        )
      ).status,
      "the key is revoked",
    ).toBe(401);
  });

  it("uploads files for params, and fetches files that were made", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const client = clientOf(at);
    const file = new File([Buffer.alloc(300_000, "x")], "photo.png", { type: "image/png" });
    expect(await client.run("orch/say", { input: { text: "sized", image: file } })).toEqual({
      text: "sized",
      bytes: 300_000,
    });
    const { results } = await client.files.list();
    expect(results).toMatchObject([{ content_type: "image/png", size: 300_000 }]);
    const id = results[0]?.id ?? "";
    expect((await client.predictions.get("1")).input).toMatchObject({
      image: `${at.url}/replicate/v1/files/${id}`,
    });
    const inline = "data:image/png;base64,MTIzNDU=";
    expect(await client.run("orch/say", { input: { text: "inline", image: inline } })).toEqual({
      text: "inline",
      bytes: 5,
    });
    expect(await client.files.delete(id)).toBe(true);
    await expect(client.files.get(id)).rejects.toThrow(/status 404/);
    const made = (await client.run("orch/say", { input: { text: "kept", save: true } })) as unknown as string;
    expect(made).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/replicate\/v1\/links\//);
    expect(await (await fetch(made)).text(), "the address needs no key").toBe("kept");
  });
});

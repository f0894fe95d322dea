import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../../e2e/session.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { until } from "../../kit/until.ts";
import { type AskJobs, askJobs, submitJob, untilEnded, WORKERS, writeJobs } from "./jobs-home.ts";

const createHome = useOrch();
let home: OrchHome;
let asked: AskJobs;
beforeAll(async () => {
  home = createHome();
  writeJobs(home);
  home.write("old/workers.yaml", WORKERS);
  await home.daemon();
  asked = await askJobs(home);
});
afterAll(() => home[Symbol.asyncDispose]());

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe("submitting", () => {
  it("answers at once with a UUID, on one line without spaces", async () => {
    const body = { app_id: "sdxl-image-gen", params: { prompt: "a fox", colour: "unknown" }, extra: 1 };
    const answer = await asked("/submit", { method: "POST", body });
    expect(answer).toMatchObject({ status: 200, json: { status: "queued" } });
    expect(answer.json["job_id"]).toMatch(UUID);
    expect(answer.text).toBe(`{"job_id":"${answer.json["job_id"]}","status":"queued"}`);
    expect(answer.headers["content-type"]).toBe("application/json");
  });

  it.each([
    ["GET", undefined, 405, "Method not allowed"],
    ["POST", "{", 400, "Invalid JSON"],
    ["POST", "[]", 400, "Invalid JSON"],
    ["POST", { app_id: "sdxl-image-gen", params: [] }, 400, "Invalid JSON"],
    ["POST", { app_id: "nobody" }, 400, "Unknown App ID"],
    ["POST", {}, 400, "Unknown App ID"],
    ["POST", { app_id: 7 }, 400, "Unknown App ID"],
  ])("%s %j is answered with %i %s, one line of text", async (method, body, status, text) => {
    const answer = await asked("/submit", { method, ...(body === undefined ? {} : { body }) });
    expect(answer).toMatchObject({ status, text: `${text}\n` });
    expect(answer.headers["content-type"]).toMatch(/^text\/plain/);
  });

  it("of an app without a runtime is the server's failure, and says what is missing", async () => {
    const answer = await asked("/submit", { method: "POST", body: { app_id: "homeless" } });
    expect(answer).toMatchObject({
      status: 500,
      text: expect.stringContaining("app homeless has no runtime"),
    });
    expect(answer.text.trim().split("\n")).toHaveLength(1);
  });
});

describe("a job", () => {
  it("runs with what its client sent as text, and its result is as the clients know it", async () => {
    const params = {
      prompt: "a fox",
      num_inference_steps: "25",
      guidance_scale: "6.5",
      seed: "7",
      width: "640",
    };
    const { json, text } = await untilEnded(asked, await submitJob(asked, "sdxl-image-gen", params));
    expect(json).toMatchObject({ status: "COMPLETED", created_at: expect.stringMatching(/T.*Z$/) });
    expect(json["completed_at"]).toMatch(/T.*Z$/);
    expect(json["error_log"]).toBeUndefined();
    const result = json["result"] as Record<string, unknown>;
    expect(result["asked"]).toEqual({
      ...{ prompt: "a fox", width: 640, height: 1024, steps: 25, guidance: 6.5, seed: 7 },
    });
    expect(result).toMatchObject({ width: 640, height: 1024, seed: 7, steps: 25, guidance_scale: 6.5 });
    expect(Buffer.from(String(result["image_base64"]), "base64").toString("latin1")).toBe("\x89PNG of a fox");
    expect(text.match(/"status":"/g), "one status in the whole body").toHaveLength(1);
    expect(text).not.toContain("\n");
  });

  it("takes numbers and true/false as well, and ids by which a model is known", async () => {
    const id = await submitJob(asked, "stabilityai/stable-diffusion-xl-base-1.0", {
      ...{ prompt: true, num_inference_steps: 30, guidance_scale: 2, seed: -1 },
    });
    const { json } = await untilEnded(asked, id);
    const { asked: given, seed } = json["result"] as { asked: Record<string, unknown>; seed: number };
    expect(given).toMatchObject({ prompt: "true", steps: 30, guidance: 2 });
    expect(seed, "the seed that was really used").toBe(given["seed"]);
    expect(seed).toBeGreaterThanOrEqual(0);
  });

  it.each(["sdxl-local", "sdxl-cloud"])(
    "%s is another name of the same app; what nobody knows is ignored",
    async (app) => {
      const body = { app_id: app, params: { prompt: "x", colour: "red" }, priority: 9 };
      const { json } = await asked("/submit", { method: "POST", body });
      const ended = await untilEnded(asked, String(json["job_id"]));
      expect(ended.json).toMatchObject({
        status: "COMPLETED",
        result: { asked: { prompt: "x", steps: 50 } },
      });
    },
  );

  it.each([
    ["576x1024", 576, 1024],
    ["1024×576", 1024, 576],
    ["large", 1024, 1024],
  ])("reads the resolution %s", async (resolution, width, height) => {
    const { json } = await untilEnded(asked, await submitJob(asked, "z-image", { prompt: "雪", resolution }));
    expect(json["result"]).toMatchObject({ asked: { width, height, prompt: "雪" }, steps: 9, seed: 42 });
  });

  it.each([
    [{ prompt: "x", seed: "abc" }, "invalid literal for int() with base 10: 'abc'"],
    [{ prompt: "x", seed: 1.5 }, "invalid literal for int() with base 10: '1.5'"],
    [{ prompt: "x", guidance_scale: "high" }, "could not convert string to float: 'high'"],
    [{ seed: 1 }, "missing required parameter: prompt"],
    [{ prompt: "x", num_inference_steps: 500 }, "num_inference_steps must be between 20 and 100, got 500"],
    [{ prompt: "fail" }, "no such colour"],
  ])("%j fails with %s", async (params, error) => {
    const { json } = await untilEnded(asked, await submitJob(asked, "sdxl-image-gen", params));
    expect(json).toMatchObject({ status: "FAILED", error_log: expect.stringContaining(error) });
    expect(json["result"]).toBeUndefined();
  });

  it.each([
    ["/status", 400, "Missing job_id"],
    ["/status/", 400, "Missing job_id"],
    ["/status/nonsense", 404, "Job not found"],
    ["/status/7", 404, "Job not found"],
    ["/status/01234567-89ab-4def-8123-000000000001", 404, "Job not found"],
    ["/status/01234567-89ab-8def-8123-000000000001", 404, "Job not found"],
    ["/status/01234567-89ab-8def-8123-999999999999", 404, "Job not found"],
  ])("%s is %i %s", async (path, status, text) => {
    expect(await asked(path)).toMatchObject({ status, text: `${text}\n` });
  });

  it("is under way while it is, stops when it is cancelled, stays so, and runs again", async () => {
    const file = join(home.dir, "go");
    const id = await submitJob(asked, "slow", { file });
    await until("it runs", () => existsSync(`${file}.began`));
    expect((await asked(`/status/${id}`)).json).toMatchObject({ job_id: id, status: "PROCESSING" });
    expect(await asked(`/admin/jobs/${id}/retry`, { method: "POST" })).toMatchObject({
      ...{ status: 404, text: "Job not found or not in FAILED status\n" },
    });
    const cancelled = await asked(`/admin/jobs/${id}/cancel`, { method: "POST" });
    expect(cancelled.json).toEqual({ success: true, job_id: id, message: expect.any(String) });
    expect(cancelled.headers["access-control-allow-origin"]).toBe("*");
    expect(existsSync(`${file}.stopped`), "the work itself has stopped").toBe(true);
    const failed = { status: "FAILED", error_log: "Cancelled by admin" };
    expect((await asked(`/status/${id}`)).json).toMatchObject(failed);
    const twice = await asked(`/admin/jobs/${id}/cancel`, { method: "POST" });
    expect(twice).toMatchObject({ status: 404, text: "Job not found or cannot be cancelled\n" });
    home.write("go", "");
    const retried = await asked(`/admin/jobs/${id}/retry`, { method: "POST" });
    expect(retried.json).toMatchObject({
      success: true,
      original_id: id,
      new_job_id: expect.stringMatching(UUID),
    });
    const { json } = await untilEnded(asked, String(retried.json["new_job_id"]));
    expect(json).toMatchObject({ status: "COMPLETED", result: { waited: true } });
    expect((await asked(`/status/${id}`)).json, "the end of the first one stays").toMatchObject(failed);
  });

  it("of an app that the registry knows no more is not run again", async () => {
    const id = await submitJob(asked, "sdxl-image-gen", { prompt: "fail" });
    await untilEnded(asked, id);
    const { APPS } = await import("./jobs-home.ts");
    home.write("old/apps.yaml", APPS.replace("id: sdxl-image-gen", "id: other"));
    const refused = await until("the file is read anew", async () => {
      const answer = await asked(`/admin/jobs/${id}/retry`, { method: "POST" });
      return answer.status === 400 ? answer : null;
    });
    expect(refused.text).toBe("App not found in registry\n");
    expect(refused.headers["access-control-allow-origin"], "as all answers of the administration").toBe("*");
    home.write("old/apps.yaml", APPS);
  });
});

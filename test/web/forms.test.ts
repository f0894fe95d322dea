import { describe, expect, it } from "vitest";
import type { ResidencyView } from "../../src/protocol/residency-view.ts";
import type { ParamView } from "../../src/protocol/views.ts";
import { colourOf, residencyRows, timeTicks } from "../../src/web/model/residency-rows.ts";
import { fittingTexts, formOf, readForm, textsOf } from "../../src/web/model/runtime-form.ts";

const param = (name: string, type: ParamView["type"], more: Partial<ParamView> = {}): ParamView => ({
  ...{ name, type, required: false, help: "", load: false, accept: [] },
  ...more,
});

describe("the form of a runtime", () => {
  it("asks for each param by what fits its type", () => {
    const controls = formOf([
      param("prompt", "string", { required: true }),
      param("name", "string"),
      param("style", "string", { choices: ["ink", "oil"] }),
      param("steps", "integer", { default: 30, min: 1, max: 150 }),
      param("tokens", "integer", { default: 100, min: 1, max: 100_000 }),
      param("scale", "number", { default: 7.5, min: 0, max: 20 }),
      param("free", "number"),
      param("seed", "integer", { min: 0, max: 9 }),
      param("tile", "boolean", { default: true }),
      param("image", "file", { accept: ["image/png"] }),
      param("loras", "json", { default: { a: 1 } }),
    ]).map(({ name, control }) => [name, control]);
    expect(Object.fromEntries(controls)).toEqual({
      ...{ prompt: "long-text", name: "text", style: "choice", steps: "range", tokens: "number" },
      ...{ scale: "range", free: "number", seed: "seed", tile: "switch", image: "file", loras: "json" },
    });
  });

  it("has readable labels, and begins with the defaults", () => {
    const [field] = formOf([param("negative_prompt", "string", { default: "blur" })]);
    expect(field).toMatchObject({ label: "Negative prompt", initial: "blur" });
    expect(formOf([param("cfgScale", "number")])[0]?.label).toBe("Cfg scale");
  });

  it("gives params of their types; what is empty is left to the daemon's default", () => {
    const fields = formOf([
      param("prompt", "string", { required: true }),
      param("steps", "integer", { min: 1, max: 150 }),
      param("tile", "boolean"),
      param("loras", "json"),
      param("image", "file"),
      param("note", "string", { default: "x" }),
    ]);
    const texts = {
      prompt: "<b>",
      steps: "12",
      tile: "true",
      loras: '[{"a":1}]',
      image: "upload:u-1",
      note: "",
    };
    expect(readForm(fields, texts)).toEqual({
      params: { prompt: "<b>", steps: 12, tile: true, loras: [{ a: 1 }], image: "upload:u-1", note: "" },
      problems: {},
    });
    expect(readForm(fields, { prompt: "a" }).params).toEqual({ prompt: "a", note: "x" });
  });

  it("takes the params of a job again, but for the host's files", () => {
    const fields = formOf([
      param("prompt", "string"),
      param("steps", "integer"),
      param("loras", "json"),
      param("image", "file"),
      param("model", "file"),
    ]);
    const texts = textsOf({
      prompt: "/a",
      steps: 3,
      loras: [1],
      image: "upload:u-1",
      model: "/m/x",
      gone: 1,
    });
    expect(fittingTexts(fields, texts)).toEqual({
      ...{ prompt: "/a", steps: "3", loras: "[\n 1\n]", image: "upload:u-1" },
    });
  });

  it("says what is wrong, by field", () => {
    const fields = formOf([
      param("prompt", "string", { required: true }),
      param("image", "file", { required: true }),
      param("steps", "integer", { min: 1, max: 150 }),
      param("width", "integer", { multipleOf: 8 }),
      param("scale", "number", { multipleOf: 0.1 }),
      param("loras", "json"),
    ]);
    const texts = { steps: "1.5", width: "9", scale: "0.3", loras: "{" };
    expect(readForm(fields, texts).problems).toEqual({
      ...{ prompt: "is needed", image: "choose a file", steps: "must be a whole number" },
      ...{ width: "must be a multiple of 8", loras: expect.stringContaining("is not JSON") },
    });
    expect(readForm(fields, { steps: "0" }).problems["steps"]).toBe("must be at least 1");
    expect(readForm(fields, { steps: "151" }).problems["steps"]).toBe("must be at most 150");
    expect(readForm(fields, { steps: "many" }).problems["steps"]).toBe("must be a number");
  });
});

describe("the rows of the residency timeline", () => {
  const at = (ms: number): string => new Date(ms).toISOString();
  type Lease = ResidencyView["leases"][number];
  const lease = (
    worker: string,
    fromMs: number,
    toMs: number | null,
    phases: Lease["phases"] = [],
  ): Lease => ({
    ...{ worker, runtime: "sdxl", lane: "sdxl", mode: "shared", vramBytes: 1, phases },
    ...{ from: at(fromMs), to: toMs === null ? null : at(toMs) },
  });
  const rowsOf = (...leases: Lease[]) =>
    residencyRows([{ index: 0, uuid: "GPU-0", leases }], { fromMs: 1000, toMs: 2000 })[0];

  it("show leases by their share of the time, cut where it begins and ends", () => {
    const row = rowsOf(lease("a", 500, 1250), lease("b", 1500, null), lease("before", 0, 900));
    expect(row?.spans).toMatchObject([
      { worker: "a", left: 0, width: 0.25, line: 0 },
      { worker: "b", left: 0.5, width: 0.5, toMs: null, line: 0 },
    ]);
    expect(row?.lines).toBe(1);
  });

  it("put workers that share a GPU below each other, and use a line again", () => {
    const row = rowsOf(lease("a", 1000, 1500), lease("b", 1100, 1900), lease("c", 1500, null));
    expect(row?.spans.map(({ worker, line }) => [worker, line])).toEqual([
      ["a", 0],
      ["b", 1],
      ["c", 0],
    ]);
    expect(row?.lines).toBe(2);
  });

  it("tell the start of a worker apart", () => {
    const phases: Lease["phases"] = [
      { phase: "start", from: at(1000), to: at(1100) },
      { phase: "ready", from: at(1100), to: null },
    ];
    expect(rowsOf(lease("a", 1000, null, phases))?.spans[0]?.startShare).toBeCloseTo(0.1);
    const still: Lease["phases"] = [{ phase: "start", from: at(1000), to: null }];
    expect(rowsOf(lease("a", 1000, null, still))?.spans[0]?.startShare).toBe(1);
    expect(rowsOf(lease("run-1", 1000, null))?.spans[0]?.startShare).toBe(0);
  });

  it("have a row for a GPU that nobody held", () => {
    expect(rowsOf()).toEqual({ gpu: 0, uuid: "GPU-0", lines: 1, spans: [] });
  });

  it("have round marks on the local clock", () => {
    const hour = 3_600_000;
    const ticks = timeTicks(10 * hour + 1, 11 * hour, 8, 5.5 * hour);
    expect(ticks.map((tick) => ((tick + 5.5 * hour) / 60_000) % 10)).toEqual(ticks.map(() => 0));
    expect(ticks.length).toBeGreaterThan(4);
    expect(ticks.length).toBeLessThanOrEqual(8);
  });

  it("keep a runtime's colour whatever comes before it in the list", () => {
    expect([...colourOf(["sdxl", "flux", "sdxl"], 8)]).toEqual([
      ["flux", 0],
      ["sdxl", 1],
    ]);
  });
});

import { describe, expect, it } from "vitest";
import { readTrace } from "../../src/replay/trace.ts";
import { refusal } from "../kit/refusal.ts";

const read = (...chunks: string[]) => readTrace(chunks, "t.csv");

/** The message with which a trace is refused. */
async function refused(text: string): Promise<string> {
  const failure = await refusal("usage/invalid", read(text));
  expect(failure.why).toContain("arrival_s,model,run_s");
  return failure.message;
}

describe("a trace", () => {
  it("has its columns in any order, others are ignored", async () => {
    const { jobs } = await read("run_s,comment,model,arrival_s\n1.5,hello,m1,0.25\n2,,m2,1e1\n");
    expect(jobs).toEqual([
      { line: 2, arrivalMs: 250, model: "m1", runMs: 1500, user: "", priority: 0, gpus: 1, vramBytes: null },
      {
        line: 3,
        arrivalMs: 10_000,
        model: "m2",
        runMs: 2000,
        user: "",
        priority: 0,
        gpus: 1,
        vramBytes: null,
      },
    ]);
  });

  it("may have users, priorities and leases; empty fields of these are as if not there", async () => {
    const { jobs } = await read(
      "arrival_s,model,run_s,user,priority,gpus,vram_gib\n0,a,1,ann,-5,2,1.5\n1,a,1,,,,\n2,b,1,bob,+3,0,\n",
    );
    expect(jobs.map(({ user, priority, gpus, vramBytes }) => [user, priority, gpus, vramBytes])).toEqual([
      ["ann", -5, 2, 1.5 * 2 ** 30],
      ["", 0, 1, null],
      ["bob", 3, 0, null],
    ]);
  });

  it("may have a byte order mark, CRLF, quotes, empty lines and no line break at its end", async () => {
    const text = '\uFEFF"arrival_s",model,run_s\r\n\r\n0,"a, ""b""\nc",1\r\n1,d,"2"';
    const { jobs } = await read(text);
    expect(jobs.map(({ line, model, runMs }) => [line, model, runMs])).toEqual([
      [3, 'a, "b"\nc', 1000],
      [5, "d", 2000],
    ]);
    const bytes = [...text];
    expect((await read(...bytes)).jobs, "cut anywhere").toEqual(jobs);
  });

  it("that is not in order is sorted, equal times as they stand, and says how many lines it was", async () => {
    const { jobs, outOfOrder } = await read("arrival_s,model,run_s\n5,a,1\n3,b,1\n5,c,1\n4,d,1\n9,e,1\n");
    expect(jobs.map(({ model }) => model).join("")).toBe("bdace");
    expect(outOfOrder).toBe(2);
    expect((await read("arrival_s,model,run_s\n1,a,1\n1,b,1\n")).outOfOrder).toBe(0);
  });

  it.each([
    ["", "t.csv is empty"],
    ["\n\n", "t.csv is empty"],
    ["arrival_s,model,run_s\n", "t.csv has a header and no jobs"],
    ["arrival_s,model\n0,a\n", "t.csv:1: there is no column run_s; found arrival_s, model"],
    ["0,a,1\n", "t.csv:1: there are no columns arrival_s, model, run_s; found 0, a, 1"],
    [
      "arrival_s;model;run_s\n",
      "t.csv:1: there are no columns arrival_s, model, run_s; found arrival_s;model;run_s",
    ],
    ["arrival_s,model,run_s,model\n0,a,1,b\n", 't.csv:1: there are two columns "model"'],
    ["arrival_s,model,run_s\n0,a,1\n1,b,soon\n", 't.csv:3: run_s is "soon", not a number'],
    ["arrival_s,model,run_s\n0,a,NaN\n", 't.csv:2: run_s is "NaN", not a number'],
    ["arrival_s,model,run_s\n0,a,Infinity\n", 't.csv:2: run_s is "Infinity", not a number'],
    ["arrival_s,model,run_s\n0x10,a,1\n", 't.csv:2: arrival_s is "0x10", not a number'],
    ["arrival_s,model,run_s\n,a,1\n", "t.csv:2: arrival_s is empty, not a number"],
    ["arrival_s,model,run_s\n-1,a,1\n", "t.csv:2: arrival_s is -1: it cannot be negative"],
    ["arrival_s,model,run_s\n0,a,-0.5\n", "t.csv:2: run_s is -0.5: it cannot be negative"],
    [
      "arrival_s,model,run_s\n1e300,a,1\n",
      "t.csv:2: arrival_s is 1e300: it cannot be more than 1000000000000",
    ],
    ["arrival_s,model,run_s\n0, ,1\n", "t.csv:2: model is empty"],
    [
      "arrival_s,model,run_s\n0,a\n",
      "t.csv:2: run_s is missing: the line has 2 field(s), the header names more",
    ],
    ['arrival_s,model,run_s\n0,"a,1\n', "t.csv:2: a quote is opened and never closed"],
    ["arrival_s,model,run_s,gpus\n0,a,1,1.5\n", "t.csv:2: gpus is 1.5, not a whole number"],
    ["arrival_s,model,run_s,priority\n0,a,1,-\n", 't.csv:2: priority is "-", not a whole number'],
    [
      "arrival_s,model,run_s,vram_gib\n0,a,1,0\n",
      "t.csv:2: vram_gib is 0: leave it empty for a lease of the usual size",
    ],
  ])("%j is refused", async (text, message) => {
    expect(await refused(text)).toBe(message);
  });
});

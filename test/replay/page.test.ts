import { beforeAll, describe, expect, it } from "vitest";
import { type SimResult, simulate } from "../../src/replay/main.ts";
import { plainHost } from "./replay-kit.ts";

const trace = `arrival_s,model,run_s
0,<script>alert(1)</script>,50
10,"b & ""c""",30
20,plain,400
9000,b,5
`;

describe("the page", () => {
  let made: SimResult;
  let page: string;
  beforeAll(async () => {
    made = await simulate({
      chunks: [trace],
      name: "a&b.csv",
      host: { ...plainHost, gpus: 2, residents: 2 },
      policies: ["all"],
      wantsPage: true,
    });
    page = made.page ?? "";
  });

  it("needs nothing from elsewhere, and runs nothing", () => {
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|\bhref=|\bsrc=|https?:|\bon\w+=/i);
    expect(page).toContain("prefers-color-scheme: dark");
  });

  it("shows names of others as text", () => {
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(page).toContain("b &amp; &quot;c&quot;");
    expect(page).toContain("<title>orch sim a&amp;b.csv</title>");
  });

  it("is well-formed", () => {
    const open: string[] = [];
    const empty = new Set(["meta", "!doctype"]);
    for (const [, close, name = "", selfClosed] of page.matchAll(
      /<(\/?)([a-z0-9!]+)(?:"[^"]*"|[^">])*?(\/?)>/g,
    )) {
      if (selfClosed === "/" || empty.has(name)) continue;
      if (close === "") open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });

  it("has a curve and a row of figures for each policy, a timeline for each of its GPUs", () => {
    const { policies } = made.report;
    expect(policies.length).toBeGreaterThan(1);
    for (const [index, { policy, switches }] of policies.entries()) {
      expect(page).toMatch(new RegExp(`<th scope="row"[^>]*>${policy}</th><td>${switches}</td>`));
      expect(page).toMatch(
        new RegExp(`class="curve policy-${index}" d="M[^"]+"><title>${policy}: half of the jobs`),
      );
      for (const gpu of [0, 1]) expect(page).toContain(`<h3>${policy}, GPU ${gpu}</h3>`);
    }
    const coordinates = [...page.matchAll(/[MHVhv ](-?\d+(?:\.\d+)?)/g)].map((match) => Number(match[1]));
    expect(coordinates.every((value) => Math.abs(value) <= 1160 || value >= 9000)).toBe(true);
  });

  it("draws each residency where it was, and its switch over it", async () => {
    const chunks = ["arrival_s,model,run_s\n0,a,15\n1,b,15\n"];
    const one = { chunks, name: "t", host: plainHost, policies: ["orch"], wantsPage: true };
    const { page: drawn } = await simulate(one);
    const boxesOf = (path: RegExp): number[][] =>
      [...(path.exec(drawn ?? "")?.[1] ?? "").matchAll(/M([\d.]+) [\d.]+h([\d.]+)/g)].map(([, x, width]) => [
        Number(x),
        Number(width),
      ]);
    const [[aFrom = 0, aWidth = 0] = []] = boxesOf(/d="([^"]*)"><title>a: 1 times, 25 s in all/);
    const [[bFrom = 0, bWidth = 0] = []] = boxesOf(/d="([^"]*)"><title>b: 1 times, 25 s in all/);
    expect(aWidth).toBeGreaterThan(0);
    expect(bWidth).toBeCloseTo(aWidth, 0);
    expect(bFrom).toBeCloseTo(aFrom + aWidth, 0);
    const switches = boxesOf(/class="switching" d="([^"]*)"/);
    expect(switches.map(([x]) => Math.round(x ?? 0))).toEqual([Math.round(aFrom), Math.round(bFrom)]);
    for (const [, width = 0] of switches) expect(width).toBeCloseTo((aWidth * 10) / 25, 0);
  });

  it("is not made unless it is asked for", async () => {
    const without = { chunks: [trace], name: "t", host: plainHost, policies: ["orch"], wantsPage: false };
    expect((await simulate(without)).page).toBeNull();
  });

  it("can show a trace of one moment", async () => {
    const one = {
      chunks: ["arrival_s,model,run_s\n0,m,0\n"],
      name: "t",
      policies: ["orch"],
      wantsPage: true,
    };
    const { page: small, report } = await simulate({ ...one, host: { ...plainHost, switchMs: 0 } });
    expect(report.policies[0]).toMatchObject({ makespanS: 0, gpuBusyShare: 0 });
    expect(small).not.toMatch(/NaN|Infinity/);
  });
});

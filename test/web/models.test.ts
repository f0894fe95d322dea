import { describe, expect, it } from "vitest";
import type { DecisionView, JobView } from "../../src/protocol/views.ts";
import { lastKnown, sparkPath, stepTimes } from "../../src/web/model/chart-lines.ts";
import { countIn, readJobFilter } from "../../src/web/model/job-filter.ts";
import { appendPage, refreshRows, windowOf } from "../../src/web/model/job-rows.ts";
import { appendLog } from "../../src/web/model/log-text.ts";
import { artifactKind, outputText } from "../../src/web/model/output-text.ts";
import { queueOrder } from "../../src/web/model/queue-order.ts";
import { hrefOf, readPlace } from "../../src/web/model/route.ts";
import { agoText, gib, inText, ofGib, spanText, withUnit } from "../../src/web/model/units.ts";

const GIB = 2 ** 30;
const at = (ms: number): string => new Date(ms).toISOString();

describe("numbers", () => {
  it("have units, and a dash where nobody knows", () => {
    expect(ofGib(12.5 * GIB, 80 * GIB)).toBe("12.5 of 80 GiB");
    expect(gib(0.44 * GIB)).toBe("0.4");
    expect(gib(141.3 * GIB)).toBe("141");
    expect(withUnit(null, "W")).toBe("–");
    expect(withUnit(61.6, "°C")).toBe("62 °C");
  });

  it("of time say how long, how long ago and in how long", () => {
    expect(spanText(at(1000), at(186_000), 0)).toBe("3m 05s");
    expect(spanText(at(1000), null, 3_500)).toBe("2.5 s");
    expect(spanText(null, null, 0)).toBe("–");
    expect(spanText(at(5000), null, 4000), "a clock that is behind").toBe("0 ms");
    expect(agoText(at(0), 90_000)).toBe("1 min ago");
    expect(agoText(at(1000), 500)).toBe("now");
    expect(inText(40_000)).toBe("in 40 s");
    expect(inText(-5)).toBe("now");
  });
});

describe("an address", () => {
  it("names a view and what of it is open, and comes back from its link", () => {
    expect(readPlace("#/jobs/42")).toEqual({ view: "jobs", item: "42" });
    expect(readPlace(hrefOf("runtimes", "a/b c%"))).toEqual({ view: "runtimes", item: "a/b c%" });
    for (const odd of ["", "#", "#/nowhere", "#/../jobs"]) expect(readPlace(odd).view).toBe("overview");
    expect(readPlace("#/jobs/%E0%A4%A").item).toBe("%E0%A4%A");
  });
});

describe("what is typed into the filter", () => {
  it("is a condition, a number or words", () => {
    expect(readJobFilter("  ")).toEqual({});
    expect(readJobFilter("state = failed")).toEqual({ filter: "state = failed" });
    expect(readJobFilter("state in (held)")).toEqual({ filter: "state in (held)" });
    expect(readJobFilter("#42")).toEqual({ filter: "id = 42" });
    expect(readJobFilter('a "fox"').filter).toContain('summary ~ "a \\"fox\\"" or label ~');
  });

  it("goes with the counts of its tab", () => {
    const counts = { held: 1, queued: 2, running: 4 };
    expect(countIn(null, counts)).toBe(7);
    expect(countIn(["queued", "running"], counts)).toBe(6);
  });
});

describe("the rows of a long list", () => {
  const ids = (...numbers: number[]): { id: number }[] => numbers.map((id) => ({ id }));

  it("grow at the end without doubles", () => {
    expect(appendPage(ids(9, 8), ids(8, 7))).toEqual(ids(9, 8, 7));
    expect(appendPage([], ids(3))).toEqual(ids(3));
  });

  it("take what a fresh look says, and lose what it does not find", () => {
    const rows = ids(9, 8, 7, 6, 5, 4);
    expect(refreshRows(rows, ids(8, 6), { before: 9, limit: 2 })).toEqual(ids(9, 8, 6, 5, 4));
    expect(refreshRows(rows, ids(11, 10, 9), { before: 99, limit: 3 })).toEqual(
      ids(11, 10, 9, 8, 7, 6, 5, 4),
    );
    expect(refreshRows(rows, ids(9), { before: 99, limit: 3 }), "all there is").toEqual(ids(9));
    expect(refreshRows(rows, [], { before: 99, limit: 3 })).toEqual([]);
  });

  it("are drawn as far as they are seen, and a few more", () => {
    expect(windowOf(10_000, 36, { top: 36_000, height: 720 })).toEqual({ first: 992, end: 1028 });
    expect(windowOf(3, 36, { top: 0, height: 720 })).toEqual({ first: 0, end: 3 });
    expect(windowOf(0, 36, { top: 500, height: 720 })).toEqual({ first: 0, end: 0 });
    expect(windowOf(10, 36, { top: 9_999, height: 720 }), "fewer than before").toEqual({ first: 2, end: 10 });
  });
});

describe("a log", () => {
  it("shows what a terminal would: no colours, and bars over themselves", () => {
    expect(appendLog([""], "\u001b[31mred\u001b[0m\nnext", 9)).toEqual(["red", "next"]);
    expect(appendLog(["10 %\r"], "20 %\r30 %\ndone\r\n", 9)).toEqual(["30 %", "done", ""]);
    expect(appendLog([""], "\u001b]0;title\u0007x", 9)).toEqual(["x"]);
  });

  it("goes on where a piece broke off, and keeps the newest lines", () => {
    expect(appendLog(appendLog([""], "he", 9), "llo\n", 9)).toEqual(["hello", ""]);
    expect(appendLog([""], "1\n2\n3\n4", 2)).toEqual(["3", "4"]);
    expect(appendLog([""], "<b>&amp;", 9)).toEqual(["<b>&amp;"]);
  });
});

describe("what a job made", () => {
  it("is read as prose where it is, else as JSON", () => {
    expect(outputText(null)).toBeNull();
    expect(outputText({})).toBeNull();
    expect(outputText("hello")).toEqual({ text: "hello", isProse: true });
    expect(outputText(["he", "llo"])).toEqual({ text: "hello", isProse: true });
    expect(outputText({ text: "hello", tokens: 3 })).toEqual({ text: "hello", isProse: true });
    expect(outputText({ steps: 3 })).toEqual({ text: '{\n  "steps": 3\n}', isProse: false });
  });

  it("is shown as what it is; what could run is shown as text", () => {
    expect(artifactKind({ name: "a", type: "image/png" })).toBe("image");
    expect(artifactKind({ name: "a.svg", type: "image/svg+xml" })).toBe("text");
    expect(artifactKind({ name: "a.html", type: "text/html; charset=utf-8" })).toBe("text");
    expect(artifactKind({ name: "a.wav", type: null })).toBe("audio");
    expect(artifactKind({ name: "a.mp4", type: "video/mp4" })).toBe("video");
    expect(artifactKind({ name: "a.png", type: "application/zip" })).toBe("file");
    expect(artifactKind({ name: "model.bin", type: null })).toBe("file");
  });
});

describe("the queue", () => {
  const job = (id: number, state: JobView["state"] = "queued") => ({ id, state }) as JobView;
  const start = (id: number, inMs: number) => ({ kind: "start-job", job: id, inMs }) as DecisionView;

  it("is in the order of the plan; what is not foreseen comes after, held jobs last", () => {
    const order = queueOrder(
      [job(1, "held"), job(2), job(3), job(4)],
      [start(4, 10), start(3, 500), start(4, 900)],
    );
    expect(order.map(({ job: { id }, inMs }) => [id, inMs])).toEqual([
      [4, 10],
      [3, 500],
      [2, null],
      [1, null],
    ]);
  });
});

describe("a plot", () => {
  it("has the middles of its steps as times, and gaps where nothing is known", () => {
    expect(stepTimes("1970-01-01T00:00:10.000Z", 5_000, 2)).toEqual([12.5, 17.5]);
    expect(lastKnown([1, 2, null])).toBe(2);
    expect(lastKnown([null])).toBeNull();
    expect(sparkPath([0, null, 100, 50], 100)).toBe("M0.0 23.0M66.7 1.0L100.0 12.0");
  });
});

import { expect, test } from "vitest";
import { boundedLabel } from "../../src/daemon/metrics/label-values.ts";
import { prefersOpenMetrics } from "../../src/gateway/metrics.ts";
import { Histogram, Values, writeMetrics } from "../../src/std/metric-families.ts";

const requests = { name: "a_requests_total", type: "counter", help: "Requests", labels: ["route"] } as const;

test("text of both formats", () => {
  const counter = new Values(requests);
  counter.add(2, "GET /");
  counter.add(1, "GET /");
  const times = new Histogram({
    name: "a_seconds",
    type: "histogram",
    help: "Time",
    labels: [],
    buckets: [0.1, 1],
  });
  for (const seconds of [0.05, 0.1, 0.5, 3, -1]) times.observe(seconds);
  const lines = [
    'a_requests_total{route="GET /"} 3',
    "# HELP a_seconds Time",
    "# TYPE a_seconds histogram",
    'a_seconds_bucket{le="0.1"} 3',
    'a_seconds_bucket{le="1"} 4',
    'a_seconds_bucket{le="+Inf"} 5',
    "a_seconds_sum 3.65",
    "a_seconds_count 5",
    "",
  ];
  const plain = ["# HELP a_requests_total Requests", "# TYPE a_requests_total counter", ...lines];
  expect(writeMetrics([counter, times], "prometheus").split("\n")).toEqual(plain);
  const open = [
    "# HELP a_requests Requests",
    "# TYPE a_requests counter",
    ...lines.slice(0, -1),
    "# EOF",
    "",
  ];
  expect(writeMetrics([counter, times], "openmetrics").split("\n")).toEqual(open);
});

test("label values cannot break out of their quotes", () => {
  const counter = new Values({ ...requests, labels: ["route", "code"] });
  counter.add(1, 'a"b\\c\nd', "2xx");
  expect(writeMetrics([counter], "prometheus")).toContain(
    'a_requests_total{route="a\\"b\\\\c\\nd",code="2xx"} 1\n',
  );
});

test("a bounded label has so many values and one more", () => {
  const labelOf = boundedLabel(3);
  const seen = Array.from({ length: 1_000 }, (_, index) => labelOf(`model-${index}`));
  expect(new Set(seen)).toEqual(new Set(["model-0", "model-1", "model-2", "other"]));
  expect(labelOf("model-2")).toBe("model-2");
});

test.each([
  ["", false],
  ["*/*", false],
  ["text/plain", false],
  ["application/openmetrics-text; version=1.0.0", true],
  ["application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true],
  ["application/openmetrics-text;q=0.3, text/plain;q=0.5", false],
  ["application/openmetrics-text;q=0, */*", false],
])("Accept: %s", (accept, isOpen) => {
  expect(prefersOpenMetrics(accept)).toBe(isOpen);
});

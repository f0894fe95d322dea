import { expect, test } from "vitest";
import { createRouter } from "../../../src/daemon/http/router.ts";
import { operations } from "../../../src/operations/index.ts";

const route = createRouter(operations);

test("every operation is found by its own route", () => {
  for (const { route: declared } of operations) {
    const [method = "", path = ""] = declared.split(" ");
    const filled = path.replaceAll(/:\w+/g, "7");
    const match = route(method, `/api/v1${filled}`);
    expect(match.operation.route, declared).toBe(declared);
    const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
    expect(Object.keys(match.inPath)).toEqual(names);
  }
});

test("plain paths win over names", () => {
  expect(route("POST", "/api/v1/jobs/run").operation.route).toBe("POST /jobs/run");
  expect(route("POST", "/api/v1/workers/start").operation.route).toBe("POST /workers/start");
});

test("names are decoded once, and may hold anything", () => {
  expect(route("GET", "/api/v1/runtimes/a%2Fb%25").inPath).toEqual({ runtime: "a/b%" });
  expect(route("GET", "/api/v1/runtimes/%E0%A4%A").inPath).toEqual({ runtime: "%E0%A4%A" });
});

test("a path outside the API is nobody's", () => {
  for (const path of ["/jobs", "/api/v2/jobs", "/api/v1", "/api/v1jobs", "", "/api/v1//jobs"])
    expect(() => route("GET", path), path).toThrow(/there is no GET/);
});

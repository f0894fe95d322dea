import { describe, expect, it } from "vitest";
import { accessTo, isKnownRoute, refuseUnlessInScope } from "../../src/gateway/access.ts";
import { operations } from "../../src/operations/index.ts";
import { type ApiScope, apiScopes } from "../../src/std/api-key.ts";

const routes = operations.map(({ route }) => route as string);

/** Operations about which nobody has decided who reaches them from elsewhere. */
const undecided = (all: readonly string[]): string[] => all.filter((route) => !isKnownRoute(route));

describe("what the gateway serves", () => {
  it("is decided of every operation", () => {
    expect(undecided(routes)).toEqual([]);
    expect(undecided([...routes, "POST /planted"]), "a new one would be found").toEqual(["POST /planted"]);
  });

  it("is not what nobody has thought about", () => {
    expect(accessTo("POST /planted")).toBe("never");
    expect(accessTo("constructor")).toBe("never");
  });

  it("lets nobody have a terminal, another program beside a worker, or keys", () => {
    const closed = ["GET /jobs/:job/terminal", "POST /workers/:worker/exec", "POST /keys", "GET /keys"];
    for (const route of [...closed, "POST /keys/:key/remove"])
      expect(() => refuseUnlessInScope(accessTo(route), route, apiScopes)).toThrow("is not served");
  });

  it("has commands run for no scope but run", () => {
    const others = apiScopes.filter((scope) => scope !== "run");
    for (const route of ["POST /jobs/run", "POST /jobs/run-array"]) {
      expect(() => refuseUnlessInScope(accessTo(route), route, others)).toThrow(
        "needs a key of the scope run",
      );
      expect(() => refuseUnlessInScope(accessTo(route), route, ["run"])).not.toThrow();
    }
  });

  it("is read by reading, and changed by more than that", () => {
    const reached = (...scopes: ApiScope[]): string[] =>
      routes.filter((route) => {
        try {
          refuseUnlessInScope(accessTo(route), route, scopes);
          return true;
        } catch {
          return false;
        }
      });
    expect(reached("read").filter((route) => !route.startsWith("GET "))).toEqual([]);
    expect(
      reached("submit").filter(
        (route) => !/^(POST \/(jobs|arrays|schedules|uploads|tasks|webhooks)|GET \/webhooks)\b/.test(route),
      ),
    ).toEqual([]);
    expect(reached("admin")).toEqual(expect.arrayContaining([...reached("read"), ...reached("submit")]));
  });

  it("is for admins wherever the operation is", () => {
    const forAdmins = operations.filter(({ who }) => who === "admins").map(({ route }) => accessTo(route));
    expect(new Set(forAdmins)).toEqual(new Set(["admin", "never"]));
  });
});

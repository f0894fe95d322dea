import { describe, expect, it } from "vitest";
import { GatewaySchema } from "../../src/config/gateway.ts";

const tls = { cert: "/etc/orch/cert.pem", key: "/etc/orch/key.pem" };
const wrong = (given: object): string | undefined => GatewaySchema.safeParse(given).error?.issues[0]?.message;

describe("the gateway's config", () => {
  it("is null unless somebody wants one, and has the safe choices then", () => {
    expect(GatewaySchema.parse(undefined)).toBeNull();
    const plain = {
      ...{ listen: "127.0.0.1:7707", tls: null, insecureLoopback: false, hosts: [], compat: {}, uis: {} },
      ...{ maxBody: 32 * 2 ** 20, maxUpload: 2 ** 30, maxWaiting: 512, fetch: { allow: [] } },
    };
    expect(GatewaySchema.parse({ listen: "127.0.0.1:7707" })).toEqual(plain);
  });

  it.each([
    "gpu.example:7707",
    "127.0.0.1",
    "127.0.0.1:99999",
    "::1:7707",
    "127.1:80",
    "0:80",
    "[127.0.0.1]:1",
    "",
  ])("listens on no %j", (listen) =>
    expect(wrong({ listen, tls })).toBe("listen: expected an address and a port, like 127.0.0.1:7707"),
  );

  it.each(["127.0.0.1:0", "127.9.9.9:7707", "localhost:7707", "[::1]:7707"])(
    "takes %s without TLS",
    (listen) => {
      expect(wrong({ listen, insecureLoopback: true })).toBeUndefined();
    },
  );

  it.each(["0.0.0.0:7707", "[::]:7707", "192.0.2.1:7707", "[::ffff:127.0.0.1]:7707"])(
    "takes %s with TLS alone, and never without keys",
    (listen) => {
      expect(wrong({ listen })).toContain("it needs tls");
      expect(wrong({ listen, tls })).toBeUndefined();
      expect(wrong({ listen, tls, insecureLoopback: true })).toBe(
        "insecureLoopback is for 127.0.0.1 and ::1 alone",
      );
    },
  );

  it("has no keys that nobody knows, names in capitals, or files that are meant from somewhere", () => {
    const listen = "127.0.0.1:7707";
    expect(wrong({ listen, keys: "none" })).toContain("keys");
    expect(wrong({ listen, hosts: ["GPU.example"] })).toBe("hosts: expected names in small letters");
    expect(wrong({ listen, maxBody: "32" })).toBe("expected a size from 1MiB on, like 32MiB");
    expect(wrong({ listen, maxUpload: "a lot" })).toBe("expected a size from 1MiB on, like 32MiB");
    expect(wrong({ listen, hosts: ["*"] })).toBe("hosts: expected names in small letters");
    expect(wrong({ listen, tls: { ...tls, key: "key.pem" } })).toBe(
      "tls: expected absolute paths of cert and key",
    );
  });

  it("has each page of a worker at an address of its own, and asks for TLS beyond the loopback", () => {
    const listen = "127.0.0.1:7707";
    expect(
      wrong({ listen, uis: { comfyui: "127.0.0.1:8188", gradio: "[::1]:8188", any: "127.0.0.1:0" } }),
    ).toBe(undefined);
    expect(wrong({ listen, uis: { comfyui: "localhost:7707" } })).toBe(
      "uis: comfyui: localhost:7707 is taken: each needs a port of its own",
    );
    expect(wrong({ listen, uis: { one: "127.0.0.1:8188", two: "127.0.0.1:8188" } })).toContain("uis: two");
    expect(
      wrong({ listen, uis: { lb: "127.0.0.1:9001" }, compat: { jobs: { listen: "127.0.0.1:9001" } } }),
    ).toContain("is taken");
    expect(wrong({ listen, uis: { comfyui: "0.0.0.0:8188" } })).toContain("it needs tls");
    expect(wrong({ listen, tls, uis: { comfyui: "0.0.0.0:8188" } })).toBeUndefined();
    expect(wrong({ listen, uis: { comfyui: "8188" } })).toContain("expected an address and a port");
  });
});

import { describe, expect, it } from "vitest";
import { refuseDestination } from "../../src/daemon/tasks/deliver.ts";

const settings = { hosts: ["results.example.com:8443", "plain.example.com"], own: [] };
const to = (url: string, headers: Readonly<Record<string, string>> = {}, method = "POST") =>
  refuseDestination({ type: "http", url, method, headers, timeoutMs: 1_000 }, settings);

describe("where results of tasks are sent", () => {
  it("is what the config names", () => {
    expect(() => to("https://results.example.com:8443/in", { authorization: "Bearer x" })).not.toThrow();
    expect(() => to("http://PLAIN.example.com/in", {}, "PUT")).not.toThrow();
  });

  it.each([
    ["https://results.example.com/in", /may not be sent to results\.example\.com/],
    ["https://plain.example.com./in", /may not be sent to plain\.example\.com\./],
    ["https://plain.example.com@127.0.0.1/in", /user name or password/],
    ["https://ada:pw@plain.example.com/in", /user name or password/],
    ["https://127.0.0.1/in", /may not be sent to 127\.0\.0\.1/],
    ["https://plain.example.com.evil.example/", /may not be sent/],
    ["http://169.254.169.254/", /may not be sent/],
    ["file:///etc/passwd", /expected an http or https address/],
  ])("is not %s", (url, why) => {
    expect(() => to(url)).toThrow(why);
  });

  it.each(["Host", "transfer-encoding", "Content-Length", "connection", "Proxy-Authorization"])(
    "is not what the header %s makes of it",
    (name) => {
      expect(() => to("http://plain.example.com/", { [name]: "x" })).toThrow(
        `headers: ${name.toLowerCase()} cannot be set`,
      );
    },
  );
});

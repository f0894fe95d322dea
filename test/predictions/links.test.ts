import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { LINK_MS, type Link, readLink, writeLink } from "../../src/gateway/predictions/links.ts";

const by =
  (secret: string) =>
  (text: string): string =>
    createHmac("sha256", secret).update(text).digest("base64");
const nowMs = 1_800_000_000_000;
const link: Link = { job: 7, to: 0, uid: 1000, user: "ann", keyId: "0123456789", untilMs: nowMs + LINK_MS };

describe("an address without a key", () => {
  it("says what it was made for, until its time is over", () => {
    const text = writeLink(link, by("ours"));
    expect(readLink(text, nowMs, by("ours"))).toEqual(link);
    expect(readLink(text, nowMs + LINK_MS - 1, by("ours"))).toEqual(link);
    expect(() => readLink(text, nowMs + LINK_MS, by("ours"))).toThrow("this address is not valid");
  });

  it("is of no use where anything of it is another's, or nothing of it is there", () => {
    const text = writeLink(link, by("ours"));
    const [said = "", proof = ""] = text.split(".");
    const [, others] = writeLink({ ...link, job: 8 }, by("ours")).split(".");
    const longer = Buffer.from(JSON.stringify([7, 0, 0, "root", null, nowMs * 2])).toString("base64url");
    const wrong = [
      writeLink(link, by("theirs")),
      `${said}.${others}`,
      `${longer}.${proof}`,
      `${said}.${proof.slice(1)}`,
      `${said}.`,
      said,
      `.${proof}`,
      ".",
      "",
    ];
    for (const each of wrong)
      expect(() => readLink(each, nowMs, by("ours")), each).toThrow("this address is not valid");
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { createMask, createMaskStream, type Mask } from "../../src/log/mask.ts";
import { scrubLog } from "../../src/log/scrub-log.ts";
import { isSecretName, secretValues } from "../../src/log/secret-names.ts";
import { createRng } from "../../src/std/rng.ts";

const SECRET = 'kanari€-"7/x+y';

describe("a mask", () => {
  const mask = createMask([SECRET, "abc"]);
  it.each([
    ["as it is", SECRET],
    ["in a URL", encodeURIComponent(SECRET)],
    ["in JSON", JSON.stringify(SECRET).slice(1, -1)],
  ])("hides a value %s, byte by byte", (_how, spelling) => {
    const hidden = mask.hideText(`<${spelling}>`);
    expect(hidden).toBe(`<${"*".repeat(Buffer.byteLength(spelling))}>`);
  });

  it.each(["", "u", "us", "user:"])("hides a value in Base64 behind %j", (before) => {
    for (const after of ["", "!", "!!", "!!!"]) {
      for (const encoding of ["base64", "base64url"] as const) {
        const encoded = Buffer.from(before + SECRET + after).toString(encoding);
        const shown = mask.hideText(encoded);
        // What is left at both ends is shared with what stands beside the value.
        const left = shown.replaceAll("*", "").length - Math.ceil(((before.length + after.length) * 8) / 6);
        expect(shown).toContain("*".repeat(18));
        expect(left).toBeLessThanOrEqual(6);
      }
    }
  });

  it("leaves values alone that are too short, and other text", () => {
    expect(mask.hideText("abc abcd kanari")).toBe("abc abcd kanari");
    expect(createMask([""]).isEmpty).toBe(true);
  });

  it("hides values that overlap each other and themselves", () => {
    const overlapping = createMask(["abcd", "cdef", "xyxyx"]);
    expect(overlapping.hideText("-abcdef-xyxyxyx-")).toBe("-******-*******-");
  });
});

/** Cuts a text into random pieces and puts it through a stream. */
function stream(mask: Mask, text: Buffer, cut: (left: number) => number): Buffer {
  const through = createMaskStream(mask, Buffer.alloc(0));
  const shown: Buffer[] = [];
  for (let at = 0; at < text.length; ) {
    const end = at + Math.max(1, Math.min(cut(text.length - at), text.length - at));
    shown.push(through.push(text.subarray(at, end), end === text.length));
    at = end;
  }
  return Buffer.concat(shown);
}

test("wherever a stream is cut, it hides what it hides in one piece (2,000 random cases)", () => {
  for (let seed = 1; seed <= 2_000; seed++) {
    const rng = createRng(seed);
    const between = (low: number, high: number): number => low + rng.below(high - low + 1);
    const letters = "ab€\n".slice(0, between(1, 4));
    const word = (length: number): string =>
      Array.from({ length }, () => letters[rng.below(letters.length)]).join("");
    const mask = createMask(Array.from({ length: between(1, 3) }, () => word(between(4, 9))));
    const text = Buffer.from(word(between(0, 60)));
    const whole = Buffer.from(text);
    mask.hide(whole);
    expect(stream(mask, text, () => between(1, 7)).toString("latin1"), `seed ${seed}`).toBe(
      whole.toString("latin1"),
    );
  }
});

test("a stream without the check for open ends would be caught", () => {
  const mask = createMask(["secret"]);
  const careless: Mask = { ...mask, openEndBytes: () => 0 };
  const text = Buffer.from("my secret");
  expect(stream(mask, text, () => 2).toString()).toBe("my ******");
  expect(stream(careless, text, () => 2).toString()).not.toBe("my ******");
});

test("a file is scrubbed in place, also where a chunk ends in a value, and grows on undisturbed", async () => {
  const dir = mkdtempSync(join(tmpdir(), "orch-scrub-"));
  try {
    const file = join(dir, "log");
    const mask = createMask(["canary-value"]);
    const text = `${"x".repeat(256 * 1024 - 5)}canary-value\n${"canary-value ".repeat(30_000)}\ncanary-`;
    writeFileSync(file, text);
    const done = await scrubLog(file, 0, text.length, mask);
    expect(done, "what may become a value is looked at again").toBe(text.length - 7);
    const scrubbed = readFileSync(file, "utf8");
    expect(scrubbed.length).toBe(text.length);
    expect(scrubbed).not.toContain("canary-value");
    writeFileSync(file, "value\nend\n", { flag: "a" });
    expect(await scrubLog(file, done, text.length + 10, mask)).toBe(text.length + 10);
    expect(readFileSync(file, "utf8").endsWith("\n************\nend\n")).toBe(true);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

describe("names of variables", () => {
  it.each([
    "HF_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "apiKey",
    "DB_PASSWORD",
    "OPENAI_API_KEY",
    "GPG_PASSPHRASE",
    "SSH_KEY",
  ])("%s is a secret", (name) => expect(isSecretName(name)).toBe(true));
  it.each(["PATH", "PWD", "OLDPWD", "SSH_AUTH_SOCK", "TOKEN_FILE", "KEYBOARD", "MONKEY", "HOME", "AUTHOR"])(
    "%s is none",
    (name) => expect(isSecretName(name)).toBe(false),
  );
  it("plain values are not hidden, since that would blot out half of the log", () => {
    const env = {
      A_TOKEN: "s3cr3t-value",
      B_TOKEN: "true",
      C_KEY: "/etc/key.pem",
      D_KEY: "80",
      HOME: "/home/ann",
    };
    expect(secretValues(env)).toEqual(["s3cr3t-value"]);
  });
});

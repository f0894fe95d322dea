import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createInputFiles } from "../../src/daemon/inputs/input-files.ts";
import { systemClock } from "../../src/std/clock.ts";
import { createSafeFetch } from "../../src/std/safe-fetch/safe-fetch.ts";

const UID = 1000;
const MIB = 2 ** 20;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-inputs-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const files = () =>
  createInputFiles({ dir, fetch: createSafeFetch({ allow: [] }), clock: systemClock, servesMany: false });
const file = (bytes: AsyncIterable<Buffer>, saidBytes?: number) => ({
  ...{ name: "in.bin", type: null, bytes },
  ...(saidBytes === undefined ? {} : { saidBytes }),
});
async function* pieces(count: number, piece: Buffer, onEach?: () => void): AsyncGenerator<Buffer> {
  for (let at = 0; at < count; at++) {
    onEach?.();
    yield piece;
  }
}
const own = (): string[] => readdirSync(join(dir, String(UID)));
/** Files that say they are so long and take no room. */
function keep(count: number, bytes: number): void {
  mkdirSync(join(dir, String(UID)));
  for (let at = 0; at < count; at++) {
    const path = join(dir, String(UID), at.toString(16).padStart(64, "0"));
    writeFileSync(path, "");
    if (bytes > 0) truncateSync(path, bytes);
  }
}

describe("what is taken of callers' files", () => {
  it("is no more than 512 MiB of one: not begun where it says so, else cut off there", async () => {
    let read = 0;
    const said = pieces(1, Buffer.alloc(1), () => {
      read += 1;
    });
    await expect(files().put(UID, file(said, 512 * MIB + 1))).rejects.toMatchObject({
      code: "request/too-large",
    });
    expect(read).toBe(0);
    const endless = pieces(Number.POSITIVE_INFINITY, Buffer.alloc(32 * MIB), () => {
      read += 1;
    });
    await expect(files().put(UID, file(endless))).rejects.toMatchObject({ code: "request/too-large" });
    expect(read, "no more is asked for").toBe(17);
    expect(own(), "nothing is left of it").toEqual([]);
  });

  it("is 20 GiB of one user, and 10,000 files; another user has room for as much", async () => {
    const small = () => file(pieces(1, Buffer.from("x")));
    keep(40, 512 * MIB);
    await expect(files().put(UID, small())).rejects.toMatchObject({ code: "quota/refused" });
    rmSync(join(dir, String(UID), "0".repeat(64)));
    await expect(files().put(UID, small())).resolves.toMatchObject({ bytes: 1 });
    await expect(files().put(UID + 1, small())).resolves.toMatchObject({ bytes: 1 });
    rmSync(join(dir, String(UID)), { recursive: true });
    keep(10_000, 0);
    await expect(files().put(UID, small())).rejects.toMatchObject({ code: "quota/refused" });
    expect(own()).toHaveLength(10_000);
  });
});

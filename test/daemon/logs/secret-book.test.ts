import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSecretBook, type SecretBook } from "../../../src/daemon/logs/secret-book.ts";
import { Failure } from "../../../src/std/failure.ts";
import { runtimeFrom } from "../../runtime/runtime-from.ts";

let dir: string;
let environment: Record<string, string> | null;
let book: SecretBook;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-book-"));
  environment = null;
  book = createSecretBook({
    dir,
    runtimes: {
      get(name) {
        if (name !== "sdxl") throw new Failure("runtime/unknown", `there is no runtime "${name}"`);
        return { ...runtimeFrom("command: [x]\n"), secrets: ["HF_TOKEN"] };
      },
    },
    queries: { environment: () => environment },
  });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function put(name: string, value: string, mode = 0o400): void {
  rmSync(join(dir, name), { force: true });
  writeFileSync(join(dir, name), `${value}\n`, { mode: 0o600 });
  chmodSync(join(dir, name), mode);
}

test("a runtime's secrets are hidden in its workers' words, and others' are not", () => {
  put("HF_TOKEN", "canary-one");
  put("OTHER", "canary-two");
  expect(book.ofRuntime("sdxl").hideText("canary-one canary-two")).toBe("********** canary-two");
  expect(book.ofJob({ id: 1, runtime: "sdxl" }).hideText("canary-one")).toBe("**********");
});

test("a value that was given to a worker stays hidden after it was replaced", () => {
  put("HF_TOKEN", "canary-old");
  expect(book.forWorker("sdxl", ["HF_TOKEN"])).toEqual({ HF_TOKEN: "canary-old" });
  put("HF_TOKEN", "canary-new");
  expect(book.ofRuntime("sdxl").hideText("canary-old canary-new")).toBe("********** **********");
  expect(book.ofAll().hideText("canary-old")).toBe("**********");
});

test("of a runtime that is gone all secrets are hidden; one that cannot be read hides nothing", () => {
  put("HF_TOKEN", "canary-one");
  put("OTHER", "canary-two", 0o644);
  expect(book.ofRuntime("gone").hideText("canary-one canary-two")).toBe("********** canary-two");
});

test("of a command it is what its environment calls secret", () => {
  environment = { API_TOKEN: "canary-one", NAME: "canary-two", AUTH: "true" };
  expect(book.ofJob({ id: 1, runtime: "run" }).hideText("canary-one canary-two true")).toBe(
    "********** canary-two true",
  );
  environment = null;
  expect(book.ofJob({ id: 2, runtime: "run" }).isEmpty).toBe(true);
});

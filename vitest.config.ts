import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/kit/longest-first.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/kit/one-build.ts"],
    setupFiles: ["test/kit/clean-environment.ts"],
    sequence: { sequencer: LongestFirst },
    pool: "forks",
    // Tests wait for daemons, clients and clocks; with as many workers as cores they wait for cores, too.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

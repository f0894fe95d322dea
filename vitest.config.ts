import os from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/kit/clean-environment.ts"],
    pool: "forks",
    // Many tests wait more than they work; some measure, and want a core for themselves.
    maxWorkers: os.availableParallelism() >= 4 ? 3 : 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

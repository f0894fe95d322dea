import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests that see a terminal, a colour setting or a daemon of the caller would depend on who runs them.
    env: { NO_COLOR: "", FORCE_COLOR: "", ORCH_HOME: "", ORCH_SOCKET: "" },
  },
});

import { defineConfig, type Options } from "tsup";

const common: Options = {
  target: "node20",
  platform: "node",
  minify: true,
  sourcemap: true,
  splitting: false,
  external: ["koffi", "node-pty"],
};

export default defineConfig([
  {
    ...common,
    // CommonJS: Node's loader for ES modules alone would take a fifth of the time that `orch ls` may take. The daemon
    // is a file of its own: compiling it would take another fifth. So is what only `orch sim` needs.
    entry: {
      cli: "src/cli/main.ts",
      daemon: "src/daemon/main.ts",
      replay: "src/replay/main.ts",
      sim: "src/sim/main.ts",
    },
    format: "cjs",
    shims: true,
    clean: true,
    // One file is read faster than twenty; and what is published as ES modules alone cannot be required on Node 20.
    noExternal: ["commander", "chalk", "execa"],
    esbuildPlugins: [
      {
        name: "programs-apart",
        setup: (build) =>
          build.onResolve({ filter: /\/(daemon|replay)\/main\.ts$/ }, ({ kind, path }) => {
            const program = path.split("/").at(-2);
            return kind === "dynamic-import" ? { path: `./${program}.cjs`, external: true } : undefined;
          }),
      },
    ],
  },
  {
    ...common,
    // Programs of their own, run beside the daemon.
    entry: {
      "nvml-helper": "src/gpu/nvml/nvml-helper.ts",
      "amd-helper": "src/gpu/amd/amd-helper.ts",
      "freeze-helper": "src/gpu/freeze/freeze-helper.ts",
      "pty-holder": "src/engine/terminal/pty-holder.ts",
    },
    format: "esm",
  },
]);

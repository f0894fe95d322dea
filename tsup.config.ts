import { defineConfig } from "tsup";

export default defineConfig({
  entry: { cli: "src/cli/main.ts", "nvml-helper": "src/gpu/nvml-helper.ts" },
  format: "esm",
  target: "node20",
  platform: "node",
  splitting: true,
  minify: true,
  sourcemap: true,
  clean: true,
  // Read at every start of the CLI: one file is read faster than twenty. What is native or loads files by path stays out.
  noExternal: ["commander", "chalk"],
  // commander is CommonJS inside and asks for Node's own modules with `require`.
  banner: { js: 'import{createRequire as orchRequire}from"node:module";const require=orchRequire(import.meta.url);' },
});

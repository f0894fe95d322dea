import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { defineConfig, type Options } from "tsup";

const common: Options = {
  target: "node20",
  platform: "node",
  minify: true,
  sourcemap: true,
  splitting: false,
  external: ["koffi", "node-pty"],
};

/** Writes the page itself, which names its script and its style, beside their folder. */
const pageShell: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "page-shell",
  setup: (build) =>
    build.onEnd(({ outputFiles = [] }) => {
      const dir = join(build.initialOptions.outdir ?? "dist", "web");
      const nameOf = (ending: string) =>
        basename(outputFiles.find(({ path }) => path.endsWith(ending))?.path ?? "");
      const page = readFileSync(join(import.meta.dirname, "src/web/index.html"), "utf8")
        .replace("%script%", nameOf(".js"))
        .replace("%style%", nameOf(".css"));
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, "index.html"), page);
    }),
};

export default defineConfig([
  {
    ...common,
    // CommonJS: Node's loader for ES modules alone would take a fifth of the time that `orch ls` may take. The daemon
    // is a file of its own: compiling it would take another fifth. So is what only `orch sim` needs, and what looks at the host.
    entry: {
      cli: "src/cli/main.ts",
      daemon: "src/daemon/main.ts",
      replay: "src/replay/main.ts",
      host: "src/host/main.ts",
      sim: "src/sim/main.ts",
    },
    format: "cjs",
    shims: true,
    // Else tsup names Node's modules before a plugin of ours is asked.
    removeNodeProtocol: false,
    clean: true,
    esbuildOptions(options) {
      // They become require(): there can be no import() in what is started from a code cache (bin/code-cache.js).
      options.supported = { "dynamic-import": false };
    },
    onSuccess: async () => {
      execFileSync(process.execPath, ["scripts/cache-cli.mjs", "dist"], { stdio: "ignore" });
    },
    // One file is read faster than twenty; and what is published as ES modules alone cannot be required on Node 20.
    noExternal: ["commander", "chalk", "execa"],
    esbuildPlugins: [
      {
        name: "programs-apart",
        setup: (build) =>
          build.onResolve({ filter: /\/(daemon|replay|host|tui)\/main\.tsx?$/ }, ({ kind, path }) => {
            const program = path.split("/").at(-2);
            const file = program === "tui" ? "../bin/top.js" : `./${program}.cjs`;
            return kind === "dynamic-import" ? { path: file, external: true } : undefined;
          }),
      },
      {
        // commander would load it for commands that are programs of their own, of which there are none: 2 ms.
        name: "without-child-process",
        setup(build) {
          build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
            importer.includes("node_modules/commander/")
              ? { path: "child_process", namespace: "nothing" }
              : undefined,
          );
          build.onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "" }));
        },
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
  {
    ...common,
    // What only `orch top` needs. An ES module, since Ink and its layout engine are; whole, since that is read faster.
    entry: { top: "src/tui/main.tsx" },
    format: "esm",
    noExternal: [/.*/],
    env: { NODE_ENV: "production", DEV: "false" },
    esbuildOptions(options) {
      // The layout engine would fetch() its own bytes, for which Node loads its whole HTTP client (50 ms).
      options.define = { ...options.define, fetch: "undefined" };
    },
    // React's packages are CommonJS and ask for Node's own modules in their way.
    banner: {
      js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
    },
    esbuildPlugins: [
      {
        name: "without-devtools",
        setup(build) {
          build.onResolve({ filter: /^\.\/devtools\.js$/ }, () => ({
            path: "devtools",
            namespace: "nothing",
          }));
          build.onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "" }));
        },
      },
    ],
  },
  {
    // The dashboard's page. Names bear a hash of what is in them, so that browsers may keep them for ever.
    target: "es2022",
    platform: "browser",
    minify: true,
    splitting: false,
    entry: { "web/assets/app": "src/web/main.tsx" },
    format: "esm",
    noExternal: [/.*/],
    esbuildOptions(options) {
      options.jsx = "automatic";
      options.jsxImportSource = "preact";
      options.entryNames = "[dir]/[name]-[hash]";
      options.legalComments = "none";
    },
    esbuildPlugins: [pageShell],
  },
]);

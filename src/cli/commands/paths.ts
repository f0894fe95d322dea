import { command } from "../command.ts";

export const paths = command({
  name: "paths",
  summary: "Print every path orch uses",
  examples: ["orch paths", "orch paths --json", 'tail -f "$(orch paths --json | jq -r .daemonLog)"'],
  async run({ out, paths: resolve }) {
    const { runtimeDirs, home, socketChosen: _, ...files } = resolve();
    out.result(resolve(), {
      text: () =>
        out.fields([
          ["home", home],
          ...Object.entries(files),
          ...runtimeDirs.map(({ origin, path }) => [`runtimes (${origin})`, path] as const),
        ]),
    });
    return 0;
  },
});

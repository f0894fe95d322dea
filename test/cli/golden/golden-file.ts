/** The file with what a command prints: "workers-ls.txt" for `workers ls`. */
export function goldenFile(name: string): string {
  return `${name === "" ? "orch" : name.replaceAll(/ -*/g, "-")}.txt`;
}

/** What a golden file shows of a command. */
export type Kind = "text" | "json" | "error";

/** The kinds of output that are in a golden file; what is cut to a narrow terminal does not count. */
export function kindsIn(text: string): ReadonlySet<Kind> {
  const heads = [...text.matchAll(/^\$ orch ?(.*) \[(\d+)(, \d+ columns)?\]$/gm)];
  return new Set(
    heads.flatMap(([, words = "", code, columns]): Kind[] => {
      if (columns !== undefined) return [];
      if (code !== "0") return ["error"];
      return [words.split(" -- ")[0]?.split(" ").includes("--json") === true ? "json" : "text"];
    }),
  );
}

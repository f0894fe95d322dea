import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { describe, expect, it } from "vitest";

// House rules that no linter knows. Each names what to use instead.

interface Rule {
  readonly banned: RegExp;
  readonly instead: string;
  readonly except: readonly string[];
  /** The folder it holds in, when not everywhere. */
  readonly within?: string;
}

const rules: readonly Rule[] = [
  {
    banned: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/,
    instead: "a Clock from std/clock.ts",
    except: ["src/std/clock.ts"],
  },
  { banned: /\bMath\.random\(/, instead: "an Rng from std/rng.ts", except: [] },
  {
    banned: /\bprocess\.exit\(/,
    instead: "an exit code for bin/orch",
    except: ["src/gpu/nvml/nvml-helper.ts"],
  },
  { banned: /\bconsole\./, instead: "cli/output.ts, or the daemon's log", except: [] },
  {
    banned: /["']koffi["']/,
    instead: "the one importer of its native library",
    except: [
      "src/gpu/nvml/nvml-library.ts",
      "src/gpu/freeze/cuda-library.ts",
      "src/daemon/http/peer-credentials.ts",
      "src/engine/posix-spawn.ts",
      "src/daemon/service-manager/notify-socket.ts",
      // Has another process try whether it loads.
      "src/host/doctor/check-modules.ts",
    ],
  },
  // The scheduler knows no zone, and what it writes is for people.
  {
    banned: /\.toISOString\(/,
    instead: "formatUtc from std/format-utc.ts",
    except: [],
    within: "src/scheduler/",
  },
  { banned: /\bexport default\b/, instead: "a named export", except: [] },
  {
    banned: /@ts-(ignore|expect-error|nocheck)|biome-ignore(?!.*: )|eslint-disable(?!.*-- )/,
    instead: "code that passes, or a reason beside it",
    except: [],
  },
  { banned: /\b(TODO|FIXME|XXX)\b/, instead: "an issue", except: [] },
];

const vagueNames = /(^|\/)(utils?|helpers?|common|misc|shared|types)(\.ts|\/)/;

function filesOf(...patterns: string[]): { path: string; text: string }[] {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "--", ...patterns], {
    encoding: "utf8",
  });
  const paths = listed.split("\n").filter((path) => path !== "" && fs.existsSync(path));
  return paths.map((path) => ({ path, text: fs.readFileSync(path, "utf8") }));
}

/** What is wrong with a file by the rules above, as "path:line: use …". */
function offences(file: { path: string; text: string }): string[] {
  return rules.flatMap((rule) =>
    rule.except.includes(file.path) || !file.path.startsWith(rule.within ?? "")
      ? []
      : file.text.split("\n").flatMap((line, index) => {
          const code = line.replace(/^\s*(\*|\/\/|\/\*\*).*/, "");
          return rule.banned.test(code) ? [`${file.path}:${index + 1}: use ${rule.instead}`] : [];
        }),
  );
}

describe("house rules", () => {
  const sources = filesOf("src/**/*.ts", "src/**/*.tsx");

  it("sees the sources", () => expect(sources.length).toBeGreaterThan(100));

  it("keep clocks, randomness, exits and printing where they belong", () => {
    expect(sources.flatMap(offences)).toEqual([]);
  });

  it("catch a planted offence", () => {
    const planted = { path: "src/planted.ts", text: "const now = Date.now();\nconsole.log(now);" };
    expect(offences(planted)).toHaveLength(2);
    const untold = { path: "src/scheduler/planted.ts", text: "log(new Date(atMs).toISOString());" };
    expect(offences(untold)).toHaveLength(1);
  });

  it("name files by their one thing, in kebab-case", () => {
    const paths = [...sources, ...filesOf("test/**/*.ts")].map((file) => file.path);
    expect(paths.filter((path) => vagueNames.test(path))).toEqual([]);
    expect(paths.filter((path) => !/^[a-z0-9./-]+$/.test(path))).toEqual([]);
  });

  it("keep test files under 400 lines", () => {
    const long = filesOf("test/**/*.ts").filter((file) => file.text.split("\n").length > 401);
    expect(long.map((file) => file.path)).toEqual([]);
  });

  it("document every exported function of the sources", () => {
    const bare = sources.flatMap((file) => undocumented(file));
    expect(bare).toEqual([]);
  });

  it("commit no lock file with hosts, and no path of somebody's machine", () => {
    expect(fs.readFileSync("package-lock.json", "utf8")).not.toMatch(/"resolved": "https?:/);
    const texts = filesOf("*.md", "src/**", "test/**", "scripts/**", "runtimes/**", ".ci/**", "bench/**");
    const here = new RegExp(["/", "work/(main|shared|\\.lib)"].join(""));
    expect(texts.filter((file) => here.test(file.text)).map((file) => file.path)).toEqual([]);
  });
});

/** Exported functions without a docstring right above them. */
function undocumented(file: { path: string; text: string }): string[] {
  const lines = file.text.split("\n");
  return lines.flatMap((line, index) => {
    const name = /^export (?:async )?function\*? (\w+)/.exec(line)?.[1];
    if (name === undefined) return [];
    const above = lines[index - 1]?.trim() ?? "";
    return above.endsWith("*/") ? [] : [`${file.path}:${index + 1}: ${name}`];
  });
}

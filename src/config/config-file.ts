import { readFileSync } from "node:fs";
import { errnoOf, Failure } from "../std/failure.ts";

/** Settings of one source, each with where it was written. */
export type ConfigSource = readonly ConfigEntry[];

export interface ConfigEntry {
  readonly key: string;
  readonly value: unknown;
  /** Where the key and its value stand, e.g. "/etc/orch/config.yaml:3:9" or "ORCH_GPUS". */
  readonly keyAt: string;
  readonly valueAt: string;
}

/**
 * The top-level keys of a YAML file with their positions ("config.yaml:3:9"). A missing or empty file has none.
 * @throws Failure config/invalid, file/unreadable
 */
export async function readConfigFile(path: string): Promise<ConfigSource> {
  const text = readIfThere(path);
  if (text === undefined) return [];
  // The YAML parser costs more than all of `orch ls`, so it is loaded once a file is really there.
  const { isMap, isNode, isScalar, LineCounter, parseDocument } = await import("yaml");
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const broken = document.errors[0];
  if (broken !== undefined) throw invalid(`${at(broken.pos[0])}: ${broken.message}`, "it is not valid YAML");
  if (document.contents === null) return [];
  if (!isMap(document.contents)) throw invalid(`${path}:1:1: not a list of "key: value" lines`);
  return document.contents.items.map((pair) => {
    const keyAt = isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
    const valueAt = isNode(pair.value) ? (pair.value.range?.[0] ?? keyAt) : keyAt;
    const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    const node = pair.value;
    const value: unknown = isNode(node) ? plainValue(() => node.toJS(document), at(valueAt)) : node;
    return { key, value, keyAt: at(keyAt), valueAt: at(valueAt) };
  });
}

/** Aliases of aliases can stand for more than any memory holds: the parser gives up on them. @throws Failure config/invalid */
function plainValue(read: () => unknown, where: string): unknown {
  try {
    return read();
  } catch (error) {
    throw invalid(
      `${where}: ${error instanceof Error ? error.message : String(error)}`,
      "it is not plain YAML",
    );
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw new Failure("file/unreadable", `cannot read ${path}`, {
      why: errno ?? String(error),
      cause: error,
    });
  }
}

function invalid(message: string, why?: string): Failure {
  return new Failure("config/invalid", message, { why });
}

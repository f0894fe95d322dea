import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  parseDocument,
  visit,
} from "yaml";

/** A step into a YAML document: the key of a map or the index of a list. */
export type Path = readonly (string | number)[];

/** What is wrong with one place of a file. */
export interface Problem {
  /** The place; its last steps may be missing from the file (a key that should be there). */
  readonly path: Path;
  /** Whether the key or its value is the trouble. */
  readonly at: "key" | "value";
  /** One line that says what is wrong; never holds a secret. */
  readonly why: string;
}

/** A problem of the YAML itself, known by its offset and not by a path. */
export class YamlSyntaxProblem extends Error {
  override readonly name = "YamlSyntaxProblem";
  /** One-based, as editors count. */
  readonly line: number;
  readonly col: number;

  constructor(message: string, position: { line: number; col: number }) {
    super(message);
    this.line = position.line;
    this.col = position.col;
  }
}

/** A YAML document as plain data that remembers where each of its parts stands. */
export interface YamlSource {
  readonly value: unknown;
  /** Line and column, one-based, of a path, or of its nearest ancestor that the file has. */
  positionOf(path: Path, at: "key" | "value"): { line: number; col: number };
}

/** A runtime file nests four deep; the rest is room for a param's default that is a list of lists. */
const maxDepth = 32;

/** A runtime file hardly needs an alias at all; the limit stops "billion laughs" documents. */
const usualAliases = 10;

/**
 * Reads one YAML 1.2 document. Refused besides bad syntax: keys that appear twice, keys that are not text, unknown
 * tags, a second document, more than `maxAliases` aliases, nesting deeper than 32.
 * @throws YamlSyntaxProblem with the line and column
 */
export function readYaml(text: string, maxAliases = usualAliases): YamlSource {
  const lines = new LineCounter();
  refuseDeepNesting(text);
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: true,
  });
  const trouble = document.errors[0] ?? document.warnings[0];
  if (trouble) throw new YamlSyntaxProblem(plainMessage(trouble), lines.linePos(trouble.pos[0]));
  refuseOddNodes(document, lines, maxAliases);
  return {
    value: document.toJS({ maxAliasCount: maxAliases }),
    positionOf: (path, at) => lines.linePos(offsetOf(document, path, at)),
  };
}

/**
 * The composer of the YAML library recurses, and at some thousand levels V8 aborts the whole process (an
 * out-of-memory in its regular expressions, not a RangeError that could be caught). Its parser keeps an explicit
 * stack, so the depth is seen there first.
 */
function refuseDeepNesting(text: string): void {
  const lines = new LineCounter();
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  for (const lexeme of new Lexer().lex(text)) {
    for (const _token of parser.next(lexeme));
    if (parser.stack.length > maxDepth) {
      throw new YamlSyntaxProblem(`nested deeper than ${maxDepth} levels`, lines.linePos(parser.offset));
    }
  }
}

function refuseOddNodes(document: Document.Parsed, lines: LineCounter, maxAliases: number): void {
  let aliases = 0;
  const refuse = (node: Node, why: string): never => {
    throw new YamlSyntaxProblem(why, lines.linePos(node.range?.[0] ?? 0));
  };
  visit(document, {
    Alias: (_key, alias, ancestors) => {
      aliases += 1;
      if (aliases > maxAliases) refuse(alias, `more than ${maxAliases} aliases (*name)`);
      const target = alias.resolve(document);
      if (target === undefined)
        refuse(alias, `the alias *${alias.source} has no anchor &${alias.source} before it`);
      if (ancestors.some((ancestor) => ancestor === target))
        refuse(alias, `*${alias.source} contains itself`);
    },
    Pair: (_key, pair) => {
      // Plain objects treat this key as their prototype: a value could hide from every later check.
      if (isScalar(pair.key) && pair.key.value === "__proto__")
        refuse(pair.key, 'the key "__proto__" is not allowed');
    },
  });
}

function plainMessage(problem: { code: string; message: string }): string {
  if (problem.code === "DUPLICATE_KEY") return "this key appears twice in the same map";
  if (problem.code === "TAB_AS_INDENT") return "a tab is used for indentation; YAML takes spaces only";
  if (problem.code === "MULTIPLE_DOCS") return "a second document begins here; the file may hold only one";
  return problem.message;
}

function offsetOf(document: Document.Parsed, path: Path, at: "key" | "value"): number {
  let node: unknown = document.contents;
  let keyOffset = startOf(node, 0);
  let valueOffset = keyOffset;
  for (const [depth, step] of path.entries()) {
    const child = childOf(document, node, step);
    // What is missing is reported at the key of the nearest thing that is there.
    if (child === null) return keyOffset;
    keyOffset = startOf(child.key, startOf(child.value, keyOffset));
    valueOffset = startOf(child.value, keyOffset);
    node = child.value;
    if (depth === path.length - 1) return at === "key" ? keyOffset : valueOffset;
  }
  return valueOffset;
}

function childOf(
  document: Document.Parsed,
  node: unknown,
  step: string | number,
): Pick<Pair, "key" | "value"> | null {
  const parent = isAlias(node) ? node.resolve(document) : node;
  if (isMap(parent))
    return parent.items.find((pair) => isScalar(pair.key) && pair.key.value === step) ?? null;
  if (isSeq(parent) && typeof step === "number") {
    const value = parent.items[step];
    return value === undefined ? null : { key: value, value };
  }
  return null;
}

/** Offset of the first character of a node; `fallback` for what is no node, or an empty value. */
function startOf(node: unknown, fallback: number): number {
  if (typeof node !== "object" || node === null || !("range" in node)) return fallback;
  const range = node.range;
  const start: unknown = Array.isArray(range) ? range[0] : undefined;
  if (typeof start !== "number") return fallback;
  const isEmpty = Array.isArray(range) && range[0] === range[1];
  return isEmpty ? fallback : start;
}

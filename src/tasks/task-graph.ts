import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { isMap, type JsonMap } from "./json-map.ts";
import { namedIn } from "./references.ts";

/** A stage or node of a document. */
interface Member {
  readonly node: string;
  /** Names of the members that come first. */
  readonly after: readonly string[];
  readonly spec: JsonMap;
  /** Where its spec stands in the document. */
  readonly path: string;
}

/** Hyphens are legal; dots are not, since references part at them. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$/;

/**
 * The stages or nodes of a document, each after those it waits for: what it names in `dependsOn`, the stage before it, and
 * whatever it refers to.
 * @returns null for a document without any
 * @throws Failure task/invalid: bad, unknown or double names, a cycle, stages together with a graph
 */
export function membersOf(stages: Json | undefined, graph: Json | undefined): Member[] | null {
  const hasStages = stages !== undefined && stages !== null;
  const hasGraph = graph !== undefined && graph !== null;
  if (!hasStages && !hasGraph) return null;
  if (hasStages && hasGraph) throw refusal("spec", "stages and graph do not go together");
  const path = hasStages ? "spec.stages" : "spec.graph.nodes";
  const list = hasStages ? stages : isMap(graph) ? graph["nodes"] : undefined;
  if (!Array.isArray(list) || list.length === 0) throw refusal(path, "expected a list that is not empty");
  const given = list as readonly Json[];
  const names = given.map((each, index) => nameOf(each, `${path}[${index}]`));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw refusal(path, `the name ${twice} appears twice`);
  const members = given.map((each, index) => {
    const place = `${path}[${index}]`;
    const { dependsOn, spec } = each as JsonMap;
    const asked = dependenciesOf(dependsOn, names, place) ?? (hasStages ? names.slice(index - 1, index) : []);
    const before = index === 0 && dependsOn === undefined ? [] : asked;
    if (spec !== undefined && spec !== null && !isMap(spec)) throw refusal(`${place}.spec`, "expected a map");
    const own = isMap(spec) ? spec : {};
    const named = namedIn(own).filter((name) => names.includes(name) && name !== names[index]);
    return {
      node: names[index] as string,
      after: [...new Set([...before, ...named])],
      spec: own,
      path: `${place}.spec`,
    };
  });
  return inOrder(members, path);
}

function nameOf(member: Json, path: string): string {
  const name = isMap(member) ? member["name"] : undefined;
  if (name === undefined || name === null) throw refused(`Missing required field: ${path}.name`);
  if (typeof name === "string" && NAME.test(name)) return name;
  throw refusal(`${path}.name`, "expected letters, digits, _ and -");
}

function dependenciesOf(given: Json | undefined, names: readonly string[], path: string): string[] | null {
  if (given === undefined || given === null) return null;
  const list = typeof given === "string" ? [given] : given;
  if (!Array.isArray(list)) throw refusal(`${path}.dependsOn`, "expected a list of names");
  return (list as readonly Json[]).map((name) => {
    if (typeof name === "string" && names.includes(name)) return name;
    throw refusal(`${path}.dependsOn`, `there is no ${JSON.stringify(name)}`);
  });
}

/** Kahn's order, the first of the document first. */
function inOrder(members: readonly Member[], path: string): Member[] {
  const left = [...members];
  const done = new Set<string>();
  const ordered: Member[] = [];
  while (left.length > 0) {
    const at = left.findIndex(({ after }) => after.every((name) => done.has(name)));
    const [next] = at < 0 ? [] : left.splice(at, 1);
    if (next === undefined)
      throw refusal(path, `a cycle: ${left.map(({ node }) => node).join(", ")} wait for each other`);
    done.add(next.node);
    ordered.push(next);
  }
  return ordered;
}

function refusal(path: string, why: string): Failure {
  return refused(`Invalid field ${path}: ${why}`);
}

function refused(message: string): Failure {
  return new Failure("task/invalid", message, { hint: "docs/tasks.md says what a task document holds" });
}

import { placeholdersIn } from "../std/placeholders.ts";
import type { Path, Problem } from "./read-yaml.ts";
import type { ServerFields } from "./server-shape.ts";

const AT: Path = ["server", "poll"];

/** Finds what is wrong with how a job is asked for that goes on after its request was answered, and with its cancel. */
export function checkPoll({ poll, cancel }: ServerFields): Problem[] {
  if (poll === undefined) return checkPlace(["server", "cancel", "path"], cancel?.path, []);
  const problems: Problem[] = [];
  if ((poll.path === undefined) === (poll.url === undefined))
    problems.push(
      problem(AT, "needs a path with {id}, or url, where the answer has the address: one of the two"),
    );
  const both = poll.failed.find((status) => poll.done.includes(status));
  if (both !== undefined) problems.push(problem([...AT, "failed"], `"${both}" is among done, too`));
  const known = poll.path === undefined ? [] : ["id"];
  for (const [path, text] of [
    [[...AT, "path"], poll.path],
    [[...AT, "result"], poll.result],
    [["server", "cancel", "path"], cancel?.path],
  ] as const)
    problems.push(...checkPlace(path, text, known));
  if (poll.path !== undefined && !placeholdersIn(poll.path).some(({ name }) => name === "id"))
    problems.push(problem([...AT, "path"], "needs {id}, by which the server knows the job"));
  return problems;
}

function checkPlace(path: Path, text: string | undefined, known: readonly string[]): Problem[] {
  const strange = placeholdersIn(text ?? "").find(
    ({ name, encoding }) => encoding !== "path" || !known.includes(name),
  );
  if (strange === undefined) return [];
  const why =
    known.length === 0
      ? "takes no params: it is about whatever runs"
      : "takes {id} alone, by which the server knows the job";
  return [problem(path, why)];
}

function problem(path: Path, why: string): Problem {
  return { path, at: "value", why };
}

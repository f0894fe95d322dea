// `npm run faults`: writes docs/faults.md from the "[fault N]" in the names of the tests. With --check it only looks
// whether the page is as it should be, and whether every fault that is demanded has a test. --root FOLDER: another tree.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { rows } from "./fault-rows.mjs";

const at = process.argv.indexOf("--root");
const root = at < 0 ? fileURLToPath(new URL("..", import.meta.url)) : process.argv[at + 1];
const page = path.join(root, "docs", "faults.md");

/** Number of the fault → the test files that name it, in order. */
function collect(files) {
  const found = new Map();
  for (const { name, text } of files) {
    for (const [, number] of text.matchAll(/\[fault (\d+)\]/g)) {
      const known = found.get(Number(number)) ?? new Set();
      found.set(Number(number), known.add(name));
    }
  }
  return found;
}

/** What is wrong: faults without a test, tests of faults that are not in the table. */
function complaints(found) {
  const known = new Set(rows.map(({ number }) => number));
  return [
    ...rows
      .filter(({ number }) => !found.has(number))
      .map(({ number, fault }) => `fault ${number} has no test: ${fault}`),
    ...[...found.keys()]
      .filter((number) => !known.has(number))
      .map((number) => `there is no fault ${number}`),
  ];
}

/** The page as it should be. */
function render(found) {
  const lines = rows
    .filter(({ number }) => found.has(number))
    .map(({ number, fault, behaviour }) => {
      const tests = [...found.get(number)].toSorted().map((name) => `[${name.slice(5)}](../${name})`);
      return `| ${number} | ${fault} | ${behaviour} | ${tests.join(" ")} |`;
    });
  return `# Faults and what becomes of them
Made by \`npm run faults\` from the names of the tests; each line is proven by the tests beside it. After every one of them
the invariants hold: nothing acknowledged is lost, at most one live exclusive lease per GPU, fences only grow, no program is
left without a label, an end is written once.

| | what happens | what orch does | test |
|---|---|---|---|
${lines.join("\n")}
`;
}

function testFiles() {
  return fs
    .readdirSync(path.join(root, "test"), { recursive: true })
    .filter((name) => name.endsWith(".test.ts"))
    .toSorted()
    .map((name) => ({ name: `test/${name}`, text: fs.readFileSync(path.join(root, "test", name), "utf8") }));
}

function main() {
  const found = collect(testFiles());
  const wrong = complaints(found);
  const text = render(found);
  const isCheck = process.argv.includes("--check");
  if (isCheck) {
    const old = fs.existsSync(page) ? fs.readFileSync(page, "utf8") : "";
    if (old !== text) wrong.push("docs/faults.md is stale: npm run faults");
  } else {
    fs.mkdirSync(path.dirname(page), { recursive: true });
    fs.writeFileSync(page, text);
  }
  for (const line of wrong) process.stderr.write(`${line}\n`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
}

main();

// `npm run generate`: writes the documents that are made from the sources: docs/errors.md, docs/metrics.md, man/ and its list in
// package.json, docs/json, docs/faults.md. A test says when one is stale. The pictures: `npm run screenshots`.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
fs.mkdirSync(path.join(root, "node_modules/.cache"), { recursive: true });

/** What a TypeScript file exports. It lies below the package, whose own files it may read. */
async function load(file) {
  const dir = fs.mkdtempSync(path.join(root, "node_modules/.cache/orch-generate-"));
  try {
    const outfile = path.join(dir, "module.mjs");
    await build({
      entryPoints: [path.join(root, file)],
      bundle: true,
      packages: "external",
      platform: "node",
      format: "esm",
      outfile,
    });
    return await import(outfile);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

const { errorsPage } = await load("src/cli/help/errors-page.ts");
fs.writeFileSync(path.join(root, "docs", "errors.md"), errorsPage());

const { metricsPage } = await load("src/daemon/metrics/metrics-page.ts");
const scrapeConfig = fs.readFileSync(path.join(root, "examples/grafana/prometheus.yml"), "utf8");
fs.writeFileSync(path.join(root, "docs", "metrics.md"), metricsPage(scrapeConfig));

const { manPages } = await load("src/cli/help/man-pages.ts");
const pages = await manPages();
fs.rmSync(path.join(root, "man"), { recursive: true, force: true });
fs.mkdirSync(path.join(root, "man"));
for (const [name, text] of Object.entries(pages)) fs.writeFileSync(path.join(root, "man", name), text);
// npm installs only the pages that are listed one by one.
const manifest = path.join(root, "package.json");
const before = JSON.parse(fs.readFileSync(manifest, "utf8"));
const man = Object.keys(pages)
  .sort()
  .map((name) => `./man/${name}`);
fs.writeFileSync(manifest, `${JSON.stringify({ ...before, man }, null, 2)}\n`);

for (const script of ["json-schemas.mjs", "faults.mjs"]) {
  const { status } = spawnSync(process.execPath, [path.join(root, "scripts", script)], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) process.exitCode = 1;
}

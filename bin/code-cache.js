// Starts a bundle with what V8 made of it when it was built, which halves the time that `orch ls` takes over a bare Node.
// Node's own module.enableCompileCache does it too, from Node 22 on, but wants a folder that it may write to.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

module.exports = { load, keep };

/**
 * The exports of the CommonJS bundle `file`. Beside it may lie its code cache: the bundle's text, then V8's data. Another text, and
 * the cache is not used; another V8, and V8 refuses it. A cache is as trusted as the program beside which it lies.
 */
function load(file) {
  const cache = readIfThere(cacheOf(file));
  if (cache === undefined) return require(file);
  const text = fs.readFileSync(file);
  const fits = cache.length > text.length && cache.subarray(0, text.length).equals(text);
  return fits ? start(file, text, cache.subarray(text.length)).exports : require(file);
}

/**
 * Writes the code cache of the bundle `file`. `use` is given its exports and uses them as they are mostly used: only
 * functions that have been called are kept.
 */
async function keep(file, use) {
  const text = fs.readFileSync(file);
  const { script, exports } = start(file, text);
  await use(exports);
  // Whole or not at all: somebody may be starting it.
  const cache = cacheOf(file);
  fs.writeFileSync(`${cache}.${process.pid}`, Buffer.concat([text, script.createCachedData()]));
  fs.renameSync(`${cache}.${process.pid}`, cache);
}

function cacheOf(file) {
  return `${file}.cache`;
}

/** As Node's own loader does it, but for import(): Node knows no more then whose it is. So the bundle has none. */
function start(file, text, cachedData) {
  const script = new vm.Script(
    `(function (exports, require, module, __filename, __dirname) {${text.toString("utf8")}\n})`,
    { filename: file, cachedData },
  );
  const dir = path.dirname(file);
  const module = { exports: {} };
  const requireThere = (name) => require(name.startsWith(".") ? path.join(dir, name) : name);
  script.runInThisContext().call(module.exports, module.exports, requireThere, module, file, dir);
  return { script, exports: module.exports };
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

import { createRequire } from "node:module";

/**
 * A CommonJS dependency that is loaded when it is first asked for, and then kept: a heavy one should cost nothing to
 * those who never use it.
 * @param name as in package.json
 */
export function loadLater<Module>(name: string): () => Module {
  let loaded: Module | undefined;
  return () => {
    loaded ??= createRequire(import.meta.url)(name) as Module;
    return loaded;
  };
}

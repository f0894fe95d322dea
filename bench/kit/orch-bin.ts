import path from "node:path";
import { fileURLToPath } from "node:url";

/** Folder of the package: the bundles lie in a folder of their own, so the runner tells. */
const root = process.env["ORCH_BENCH_ROOT"] ?? path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** The executable that is measured. ORCH_BENCH_BIN names another build, to compare two. */
export const orchBin = process.env["ORCH_BENCH_BIN"] ?? path.join(root, "bin", "orch");

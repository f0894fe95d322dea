import type { PlantedBug } from "./planted-bugs.ts";

/** Mistakes that are easily made where GPUs are of several vendors, or parts of boards. */
export const kindBugs: readonly PlantedBug[] = [
  {
    name: "the kind of a GPU is not asked for",
    file: "placement.ts",
    find: "if (!suits(lane.spec, gpu)) continue;",
    replace: "",
    why: "a program for one vendor is started on the GPU of another",
  },
  {
    name: "GPUs of two vendors are taken together",
    file: "placement.ts",
    find: "if (alike.length < offers.length) return chooseTogether(alike, count, keepsFirst);",
    replace: "void alike;",
    why: "a program sees only some of its GPUs",
  },
  {
    name: "instances of boards are taken together",
    file: "capacity.ts",
    find: "return isOfVendor && (gpuCount < 2 || parent === null);",
    replace: "return isOfVendor && parent !== undefined;",
    why: "a CUDA program sees one instance at most",
  },
  {
    name: "the vendor of a GPU is forgotten by a restart",
    file: "rows.ts",
    find: "return { uuid, index, totalBytes, vendor, parent, quarantine };",
    replace: "return { uuid, index, totalBytes, vendor: null, parent, quarantine };",
    why: "a job that no GPU here can run is taken in before the driver has answered, and waits for ever",
  },
];

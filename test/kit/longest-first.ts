import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files of half a minute and more, longest first. The last one to begin is what the others' workers wait for at the end of a
 * run; so these begin before all others, which go by their size.
 */
const longest = [
  "test/sim/explore.test.ts",
  "test/sim/simulator.test.ts",
  "test/kill/kill.test.ts",
  "test/kill/container.test.ts",
  "test/gateway/fuzzer.test.ts",
  "test/kill/mutants.test.ts",
  "test/soak/soak.test.ts",
  "test/sim/planted-bugs.test.ts",
  "test/faults/stall.test.ts",
];

/** The order in which the files of a run begin. */
export class LongestFirst extends BaseSequencer {
  /** @param files in any order. @returns the same, the longest first */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rankOf = ({ moduleId }: TestSpecification): number => {
      const rank = longest.findIndex((path) => moduleId.endsWith(`/${path}`));
      return rank === -1 ? longest.length : rank;
    };
    return sorted.sort((left, right) => rankOf(left) - rankOf(right));
  }
}

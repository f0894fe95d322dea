import { Failure } from "../../std/failure.ts";

/** Does work for a user unless as much is on already. @throws Failure request/too-many */
export type AtOnce = <T>(uid: number, work: () => Promise<T>) => Promise<T>;

/** @param most of one user */
export function createAtOnce(most: number): AtOnce {
  const active = new Map<number, number>();
  return async (uid, work) => {
    const count = active.get(uid) ?? 0;
    if (count >= most)
      throw new Failure("request/too-many", "too many files of this user are on their way", {
        why: `at once it may be ${most}`,
        hint: "try it again when some have come",
      });
    active.set(uid, count + 1);
    try {
      return await work();
    } finally {
      const left = (active.get(uid) ?? 1) - 1;
      if (left === 0) active.delete(uid);
      else active.set(uid, left);
    }
  };
}

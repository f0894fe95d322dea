import os from "node:os";

/**
 * The name of this process's user, "uid 1234" for any other. A container may well run under a uid that no passwd
 * file names, which is no reason to fail.
 */
export function userNameOf(uid: number): string {
  try {
    const self = os.userInfo();
    if (self.uid === uid) return self.username;
  } catch {
    // Node throws when the uid has no entry.
  }
  return `uid ${uid}`;
}

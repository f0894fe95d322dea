import fs from "node:fs";
import path from "node:path";
import type { Account } from "./accounts.ts";

const READ = 4;
const ENTER = 1;

/**
 * Whether a user may read a file, told by owner, group and mode of it and of every folder above: root asks for somebody
 * else, so the kernel's own answer is of no use. Access lists are not looked at: what only they allow is refused.
 */
export function mayRead(account: Account | null, file: string): boolean {
  if (account === null) return false;
  if (account.uid === 0) return true;
  try {
    const real = fs.realpathSync(file);
    return (
      allows(account, real, READ) &&
      foldersOf(file).every((dir) => allows(account, dir, ENTER)) &&
      foldersOf(real).every((dir) => allows(account, dir, ENTER))
    );
  } catch {
    return false;
  }
}

function foldersOf(file: string): string[] {
  const folders: string[] = [];
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    folders.push(at);
    if (at === path.dirname(at)) return folders;
  }
}

/** The one class of permission bits that counts for this user, as in path_resolution(7). */
function allows({ uid, gids }: Account, file: string, bit: number): boolean {
  const { mode, uid: owner, gid } = fs.statSync(file);
  const bits = uid === owner ? mode >> 6 : gids.includes(gid) ? mode >> 3 : mode;
  return (bits & bit) !== 0;
}

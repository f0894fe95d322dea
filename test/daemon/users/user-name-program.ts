// Becomes a user whom no passwd file names and says what it is called.
import { userNameOf } from "../../../src/daemon/users/user-name.ts";

const uid = Number(process.argv[2]);
process.setuid?.(uid);
process.stdout.write(`${userNameOf(uid)}\n`);

// Becomes another user and says what that one is told of a process.
import { createProcessNamer } from "../../src/gpu/process-owner.ts";

const [uid = 0, pid = 0] = process.argv.slice(2).map(Number);
process.setgroups?.([]);
process.setgid?.(uid);
process.setuid?.(uid);
process.stdout.write(JSON.stringify(await createProcessNamer()([{ pid, vramBytes: null }])));

// Does nothing, and measures how long the machine does not even let it do that: on each line of stdin it prints the longest
// wait beyond its timer's interval, in milliseconds.
const TICK_MS = 5;
let lastMs = performance.now();
let longestMs = 0;
setInterval(() => {
  const nowMs = performance.now();
  longestMs = Math.max(longestMs, nowMs - lastMs - TICK_MS);
  lastMs = nowMs;
}, TICK_MS);
process.stdin.on("data", () => process.stdout.write(`${Math.round(longestMs)}\n`));
process.stdout.write("ready\n");

// Tests that see a colour setting, a daemon or a job of whoever runs them would depend on it. Deleted and not emptied:
// Node takes an empty FORCE_COLOR as a wish for colours.
for (const name of Object.keys(process.env)) {
  const isOurs = name.startsWith("ORCH_") && !["ORCH_REQUIRE", "ORCH_KILLS", "ORCH_KILL_SEED"].includes(name);
  if (isOurs || name === "NO_COLOR" || name === "FORCE_COLOR") delete process.env[name];
}

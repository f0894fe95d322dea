// Tests that see a colour setting, a daemon or a job of whoever runs them would depend on it. Deleted and not emptied:
// Node takes an empty FORCE_COLOR as a wish for colours.
const settings =
  /^ORCH_(REQUIRE|KILLS|KILL_SEED|KILL_MIX|SOAK_MINUTES|SOAK_SEED|POWER_ROUNDS|SIM_RECORD|SIM_VERBOSE|STOP_SECONDS|PORT_ROUNDS|FUZZ_INPUTS|FUZZ_SEED|STALL_SUBMITS)$/;
for (const name of Object.keys(process.env)) {
  const isOurs = name.startsWith("ORCH_") && !settings.test(name);
  if (isOurs || name === "NO_COLOR" || name === "FORCE_COLOR") delete process.env[name];
}

/**
 * What each GPU did, by steps of 5 s, a minute and an hour (`step_ms`), each for as long as the config says. Means are weighed
 * by the time seen, so that a step may be written in parts; a step without a row was not seen. Bytes, percent, °C, watts.
 *
 * And by when their leases ended, so that those of one time are found among all that ever were.
 */
export const gpuHistory = `
CREATE TABLE gpu_history (
  step_ms INTEGER NOT NULL,
  at INTEGER NOT NULL CHECK (at % step_ms = 0),
  gpu TEXT NOT NULL,
  seen_ms INTEGER NOT NULL CHECK (seen_ms > 0),
  utilization_mean REAL, utilization_max REAL,
  used_mean REAL NOT NULL, used_max REAL NOT NULL,
  ours_mean REAL NOT NULL, ours_max REAL NOT NULL,
  foreign_mean REAL NOT NULL, foreign_max REAL NOT NULL,
  reserved_mean REAL NOT NULL, reserved_max REAL NOT NULL,
  temperature_mean REAL, temperature_max REAL,
  power_mean REAL, power_max REAL,
  PRIMARY KEY (step_ms, at, gpu)
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_ended ON leases(gpu, released_at) WHERE released_at IS NOT NULL;
`;

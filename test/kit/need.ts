/**
 * Whether a part that a test needs is there; what it is goes into the name of the skipped test. With ORCH_REQUIRE=1 it
 * throws instead, so that a machine that is meant to run them all cannot pass by skipping.
 */
export function need(what: string, isThere: boolean): boolean {
  if (!isThere && process.env["ORCH_REQUIRE"] === "1")
    throw new Error(`ORCH_REQUIRE=1, but there is no ${what}`);
  return isThere;
}

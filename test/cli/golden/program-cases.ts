/** Commands whose output goes past the CLI: they are run as programs. */
export const programCases = ["exec", "daemon", "bench"] as const;

/** A daemon that cannot start leaves `{"error": FailureBody}` in the file this variable names. */
export const START_REPORT_VARIABLE = "ORCH_START_REPORT";

import { type FailureCode, failureTable } from "../../std/failure.ts";
import { exitCodes } from "./exit-codes.ts";
import { failureTexts } from "./failure-texts.ts";

/** The text of docs/errors.md: every code with its cause and what to do. */
export function errorsPage(): string {
  const codes = Object.entries(failureTexts).map(([code, text]) => {
    const { exit, http } = failureTable[code as FailureCode];
    return `## ${code}\n${text.cause}\n\n**What to do:** ${text.remedy}\n\nExit code ${exit}, HTTP ${http}.\n`;
  });
  const rows = exitCodes.map(([code, meaning]) => `| ${code} | ${meaning} |`);
  return `# Errors
Made by \`npm run generate\` from \`src/cli/help/failure-texts.ts\`. An error says what, why, and what to try:

    error: there is no job 5
      try: orch ls -a

With \`--json\` (and in the API) it comes with a code; \`ORCH_DEBUG=1\` shows the code, too. \`orch help errors CODE\` prints
what is below.

| exit code | meaning |
|---|---|
${rows.join("\n")}

\`run\`, \`shell\`, \`attach\`, \`exec\` and \`submit --wait\` pass the exit code of the job or command on.

${codes.join("\n")}`;
}

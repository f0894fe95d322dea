/** Of a log that is shown with a prediction: lines, and characters of them. */
export const LOG_LINES = 1_000;
const LOG_CHARACTERS = 65_536;

/** The end of a log, as much as goes into a prediction. @param pieces as `GET /jobs/:job/logs` gives them */
export async function endOfLog(pieces: AsyncIterable<{ readonly text: string }>): Promise<string> {
  let end = "";
  for await (const { text } of pieces) {
    end += text;
    if (end.length > 2 * LOG_CHARACTERS) end = end.slice(-LOG_CHARACTERS);
  }
  return end.slice(-LOG_CHARACTERS);
}

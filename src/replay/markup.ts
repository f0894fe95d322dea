/** Text of others made fit for HTML and SVG, attributes included. */
export function escapeMarkup(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** A coordinate with a tenth of a pixel: more cannot be seen and makes the page larger. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

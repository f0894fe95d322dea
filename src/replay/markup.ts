/** A coordinate with a tenth of a pixel: more cannot be seen and makes the page larger. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

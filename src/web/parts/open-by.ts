/** Opens a place when its row is clicked; links in the row do so by themselves. */
export function openBy(href: string): (event: MouseEvent) => void {
  return ({ target }) => {
    if (target instanceof HTMLElement && target.closest("a, button") === null) window.location.hash = href;
  };
}

/** Things in an order of their own, the first one at hand. */
export interface Heap<T> {
  add(item: T): void;
  /** The first one, or undefined. */
  first(): T | undefined;
  /** Takes the first one, or undefined. */
  take(): T | undefined;
  size(): number;
  /** Another heap of the same things. */
  copy(): Heap<T>;
}

/**
 * A binary heap: adding and taking cost O(log n). Equals come in no particular order.
 * @param items becomes the heap's own; must be in heap order already
 */
export function createHeap<T>(isBefore: (left: T, right: T) => boolean, items: T[] = []): Heap<T> {
  /** Puts the one at `lower` above the one at `upper` if it comes first. */
  const swapIfBefore = (lower: number, upper: number): boolean => {
    const below = items[lower];
    const above = items[upper];
    if (below === undefined || above === undefined || !isBefore(below, above)) return false;
    items[lower] = above;
    items[upper] = below;
    return true;
  };
  const siftUp = (): void => {
    for (let at = items.length - 1; at > 0; ) {
      const above = (at - 1) >>> 1;
      if (!swapIfBefore(at, above)) return;
      at = above;
    }
  };
  const siftDown = (): void => {
    for (let at = 0; ; ) {
      let smallest = at * 2 + 1;
      const left = items[smallest];
      if (left === undefined) return;
      const right = items[smallest + 1];
      if (right !== undefined && isBefore(right, left)) smallest += 1;
      if (!swapIfBefore(smallest, at)) return;
      at = smallest;
    }
  };
  return {
    add(item) {
      items.push(item);
      siftUp();
    },
    first: () => items[0],
    take() {
      const first = items[0];
      const last = items.pop();
      if (last !== undefined && items.length > 0) {
        items[0] = last;
        siftDown();
      }
      return first;
    },
    size: () => items.length,
    copy: () => createHeap(isBefore, [...items]),
  };
}

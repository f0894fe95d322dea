/** Ids that lie in one part: a part grows within a tenth of a millisecond. */
const PART_BITS = 12;

/**
 * A Map by ascending whole numbers for a million entries. It is one of small Maps, since one that is full is copied whole to
 * grow: with a million entries that takes 100 ms. Entries come in the order in which they were set, as long as the keys ascend.
 */
export class IdMap<V> extends Map<number, V> {
  private readonly parts = new Map<number, Map<number, V>>();
  private entryCount = 0;

  override get size(): number {
    return this.entryCount;
  }

  override get(id: number): V | undefined {
    return this.parts.get(id >>> PART_BITS)?.get(id);
  }

  override has(id: number): boolean {
    return this.parts.get(id >>> PART_BITS)?.has(id) ?? false;
  }

  override set(id: number, value: V): this {
    const at = id >>> PART_BITS;
    let part = this.parts.get(at);
    if (part === undefined) {
      part = new Map();
      this.parts.set(at, part);
    }
    const before = part.size;
    part.set(id, value);
    this.entryCount += part.size - before;
    return this;
  }

  override delete(id: number): boolean {
    const at = id >>> PART_BITS;
    const part = this.parts.get(at);
    if (part?.delete(id) !== true) return false;
    this.entryCount -= 1;
    if (part.size === 0) this.parts.delete(at);
    return true;
  }

  override clear(): void {
    this.parts.clear();
    this.entryCount = 0;
  }

  override forEach(act: (value: V, id: number, map: Map<number, V>) => void): void {
    for (const [id, value] of this) act(value, id, this);
  }

  override *entries(): MapIterator<[number, V]> {
    for (const part of this.parts.values()) yield* part;
  }

  override *keys(): MapIterator<number> {
    for (const part of this.parts.values()) yield* part.keys();
  }

  override *values(): MapIterator<V> {
    for (const part of this.parts.values()) yield* part.values();
  }

  override [Symbol.iterator](): MapIterator<[number, V]> {
    return this.entries();
  }
}

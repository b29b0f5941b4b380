// A growing circular array: constant-time push, shift and pop at both ends. Knows no bound; its owner keeps one.

export class Ring<Item> {
  #slots: (Item | undefined)[] = Array.from({ length: 16 });
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: Item): void {
    if (this.#size === this.#slots.length) this.#grow();
    const slots = this.#slots;
    slots[(this.#head + this.#size) & (slots.length - 1)] = item;
    this.#size += 1;
  }

  shift(): Item | undefined {
    if (this.#size === 0) return undefined;
    const slots = this.#slots;
    const head = this.#head;
    const item = slots[head];
    slots[head] = undefined;
    this.#head = (head + 1) & (slots.length - 1);
    this.#size -= 1;
    return item;
  }

  pop(): Item | undefined {
    if (this.#size === 0) return undefined;
    this.#size -= 1;
    const at = (this.#head + this.#size) & (this.#slots.length - 1);
    const item = this.#slots[at];
    this.#slots[at] = undefined;
    return item;
  }

  /** The item at `index` from the oldest, which is below `size`. */
  at(index: number): Item | undefined {
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)];
  }

  /** Oldest first. */
  toArray(): Item[] {
    return Array.from({ length: this.#size }, (_, index) => this.at(index) as Item);
  }

  #grow(): void {
    // With no holes, which engines ask about at every look.
    this.#slots = [...this.toArray(), ...this.#slots.fill(undefined)];
    this.#head = 0;
  }
}

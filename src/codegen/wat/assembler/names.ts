// What things of one kind are called in WebAssembly text, and their numbers in the bytes.
import { Bytes } from "./bytes.ts";

export class Names {
  private readonly numbers = new Map<string, number>();
  private total = 0;

  /** With those that have no name. */
  get count(): number {
    return this.total;
  }

  /** Gives the next number to `name`, or to what has none. */
  add(name: string | undefined): number {
    if (name !== undefined) {
      if (this.numbers.has(name)) throw new Error(`WebAssembly text: two things are called ${name}`);
      this.numbers.set(name, this.total);
    }
    return this.total++;
  }

  numberOf(name: string): number {
    const number = this.numbers.get(name);
    if (number === undefined) throw new Error(`WebAssembly text: nothing is called ${name}`);
    return number;
  }

  /** Numbers and names, as a debugger finds them; their `$` belongs to the text. */
  write(to: Bytes): void {
    to.unsigned(this.numbers.size);
    for (const [name, number] of this.numbers) {
      to.unsigned(number);
      to.text(name.slice(1));
    }
  }

  /** The same with a number that says of what they are, if there are any. */
  writeSection(id: number, to: Bytes): void {
    if (this.numbers.size === 0) return;
    const names = new Bytes();
    this.write(names);
    to.push(id);
    to.counted(names.written());
  }
}

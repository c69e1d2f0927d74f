// The pieces of WebAssembly text: parentheses, words, numbers, strings. Knows no instructions. What it cannot read is a mistake of
// the printer, so that it throws.

const [newline, space, quote, dollar, opening, closing, semicolon, backslash] = [10, 32, 34, 36, 40, 41, 59, 92];

const numbersByName = new Map([
  ["inf", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
  ["nan", Number.NaN],
]);

export class TextReader {
  private readonly text: string;
  private place = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Goes past spaces and comments; the code of the character there, NaN at the end. */
  private next(): number {
    for (;;) {
      const code = this.text.charCodeAt(this.place);
      if (code === space || code === newline) this.place++;
      else if (code === semicolon) this.skipLine();
      else return code;
    }
  }

  private skipLine(): void {
    const end = this.text.indexOf("\n", this.place);
    this.place = end < 0 ? this.text.length : end;
  }

  hasEnded(): boolean {
    return Number.isNaN(this.next());
  }

  /** Goes past `(head`, and gives the head, or past `)`. */
  openOrClose(): string | undefined {
    const code = this.next();
    this.place++;
    if (code === opening) return this.takeWord();
    if (code === closing) return undefined;
    this.place--;
    throw this.missing("a parenthesis");
  }

  open(): string {
    const head = this.openOrClose();
    if (head === undefined) throw this.missing("(");
    return head;
  }

  close(): void {
    if (this.openOrClose() !== undefined) throw this.missing(")");
  }

  /** Goes past `(head`, if that comes next. */
  opens(head: string): boolean {
    if (this.next() !== opening || !this.text.startsWith(head, this.place + 1)) return false;
    const behind = this.place + 1 + head.length;
    if (this.text.charCodeAt(behind) > closing) return false;
    this.place = behind;
    return true;
  }

  hasWord(): boolean {
    const code = this.next();
    return code > closing || code === dollar;
  }

  /** What stands up to a space or a parenthesis. */
  word(): string {
    if (!this.hasWord()) throw this.missing("a word");
    return this.takeWord();
  }

  private takeWord(): string {
    const { text, place } = this;
    let end = place + 1;
    // What ends a word has lower codes than all that is in one, but for the dollar that it may begin with.
    while (text.charCodeAt(end) > closing) end++;
    this.place = end;
    return text.slice(place, end);
  }

  /** `$name`, if that comes next. */
  name(): string | undefined {
    return this.next() === dollar ? this.word() : undefined;
  }

  /** The whole number behind `prefix`, if that comes next. */
  integerAfter(prefix: string): number | undefined {
    if (this.next() !== prefix.charCodeAt(0) || !this.text.startsWith(prefix, this.place)) return undefined;
    this.place += prefix.length;
    return this.integer();
  }

  /** Of 32 bits, with a sign or without. */
  integer(): number {
    const word = this.word();
    const value = Number(word);
    if (value !== (value | 0) && value !== value >>> 0) throw new Error(`WebAssembly text: ${word} is no i32`);
    return value;
  }

  byte(): number {
    const value = this.integer();
    if (value < 0 || value > 255) throw new Error(`WebAssembly text: ${value} is no byte`);
    return value;
  }

  /** Of 64 bits, with a sign or without, as an i64. */
  longInteger(): bigint {
    const word = this.word();
    if (!/^(-?\d+|0x[\da-f]+)$/.test(word)) throw new Error(`WebAssembly text: ${word} is no i64`);
    return BigInt.asIntN(64, BigInt(word));
  }

  float(): number {
    const word = this.word();
    const value = numbersByName.get(word) ?? Number(word);
    if (Number.isNaN(value) && word !== "nan") throw new Error(`WebAssembly text: ${word} is no number`);
    return value;
  }

  /** The bytes of a string in quotes: characters of ASCII, and `\` with two hexadecimal digits. */
  string(): number[] {
    if (this.next() !== quote) throw this.missing("a string");
    const bytes: number[] = [];
    for (this.place++; this.text.charCodeAt(this.place) !== quote; this.place++) {
      const code = this.text.charCodeAt(this.place);
      const hex = code === backslash ? this.text.slice(this.place + 1, this.place + 3) : "";
      this.place += hex.length;
      const byte = hex === "" ? code : Number(`0x${hex}`);
      if (!(byte < (hex === "" ? 128 : 256))) throw this.missing("a character");
      bytes.push(byte);
    }
    this.place++;
    return bytes;
  }

  private missing(what: string): Error {
    const found = JSON.stringify(this.text.slice(this.place, this.place + 40));
    return new Error(`WebAssembly text: ${what} is missing at ${found}`);
  }
}

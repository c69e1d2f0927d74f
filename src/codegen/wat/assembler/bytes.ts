// Bytes that grow at their end, and numbers as WebAssembly writes them.

const scratch = new DataView(new ArrayBuffer(8));

export class Bytes {
  private room = new Uint8Array(64);
  private count = 0;

  get length(): number {
    return this.count;
  }

  /** A view of all, until more comes. */
  written(): Uint8Array {
    return this.room.subarray(0, this.count);
  }

  /** Undefined beyond the end. */
  at(place: number): number | undefined {
    return place < this.count ? this.room[place] : undefined;
  }

  push(byte: number): void {
    if (this.count === this.room.length) this.grow(1);
    this.room[this.count++] = byte;
  }

  append(bytes: ArrayLike<number>): void {
    const { length } = bytes;
    if (this.count + length > this.room.length) this.grow(length);
    // Most are a few bytes, for which `set` takes longer.
    if (length > 32) this.room.set(bytes, this.count);
    else for (let k = 0; k < length; k++) this.room[this.count + k] = bytes[k]!;
    this.count += length;
  }

  /** Moves to others what begins at a place here. */
  move(from: number, to: Bytes): void {
    const more = this.count - from;
    if (to.count + more > to.room.length) to.grow(more);
    for (let k = 0; k < more; k++) to.room[to.count + k] = this.room[from + k]!;
    to.count += more;
    this.count = from;
  }

  private grow(more: number): void {
    const grown = new Uint8Array(2 * (this.count + more));
    grown.set(this.room);
    this.room = grown;
  }

  /** With their number before them. */
  counted(bytes: ArrayLike<number>): void {
    this.unsigned(bytes.length);
    this.append(bytes);
  }

  /** Characters of ASCII, with their number before them. */
  text(characters: string): void {
    this.counted(Array.from(characters, (character) => character.charCodeAt(0)));
  }

  // Seven bits a byte, the low ones first; the eighth says whether more follow (LEB128).

  /** 0 to 2^32 - 1. */
  unsigned(value: number): void {
    let rest = value;
    for (; rest > 127; rest >>>= 7) this.push((rest & 127) | 128);
    this.push(rest);
  }

  /** -2^31 to 2^31 - 1. */
  signed(value: number): void {
    let rest = value;
    for (; rest < -64 || rest > 63; rest >>= 7) this.push((rest & 127) | 128);
    this.push(rest & 127);
  }

  /** -2^63 to 2^63 - 1. */
  signedLong(value: bigint): void {
    let rest = value;
    for (; rest < -64n || rest > 63n; rest >>= 7n) this.push(Number(rest & 127n) | 128);
    this.push(Number(rest & 127n));
  }

  // All bytes of a number, the low ones first.

  i32(value: number): void {
    scratch.setInt32(0, value, true);
    this.pushScratch(4);
  }

  i64(value: bigint): void {
    scratch.setBigInt64(0, value, true);
    this.pushScratch(8);
  }

  f32(value: number): void {
    scratch.setFloat32(0, value, true);
    this.pushScratch(4);
  }

  f64(value: number): void {
    scratch.setFloat64(0, value, true);
    this.pushScratch(8);
  }

  private pushScratch(count: number): void {
    for (let place = 0; place < count; place++) this.push(scratch.getUint8(place));
  }
}

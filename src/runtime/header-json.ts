// The JSON of a safetensors header, read strictly: objects, short lists of whole numbers, strings; a key occurs once.
// JSON.parse would take the last of two equal keys in silence, `__proto__` needs a Map, and millions of empty lists or objects would
// take a hundred times the memory of their text.

export type HeaderValue = string | number | null | readonly number[] | HeaderObject;
export type HeaderObject = ReadonlyMap<string, HeaderValue>;

/** What is wrong with the text, and where. */
export class HeaderError extends Error {}

/** Members of a header hold no objects themselves. */
const maxDepth = 1;

/** Sizes of one shape. */
const longestList = 64;

/** Shows `take` each member of the header as soon as it is read, so that the first bad one ends it. */
export function parseHeader(text: string, take: (key: string, value: HeaderValue) => void): void {
  let at = 0;

  const fail = (what: string): HeaderError => new HeaderError(`${what} at character ${at}`);

  function space(): void {
    for (;;) {
      const c = text.charCodeAt(at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      at++;
    }
  }

  function expect(character: string): void {
    space();
    if (text[at] !== character) throw fail(`"${character}" is missing`);
    at++;
  }

  /** Whether a list goes on: eats "," (true) or the closing bracket (false). */
  function more(close: string): boolean {
    space();
    if (text[at] === ",") {
      at++;
      return true;
    }
    expect(close);
    return false;
  }

  function string(): string {
    const start = at;
    expect('"');
    while (text[at] !== '"') {
      if (at >= text.length) throw fail("a string does not end");
      at += text[at] === "\\" ? 2 : 1;
    }
    at++;
    let value: string;
    try {
      value = JSON.parse(text.slice(start, at)) as string;
    } catch {
      throw fail("a string is not JSON");
    }
    if (/\p{Surrogate}/u.test(value)) throw fail("a string holds half a character");
    return value;
  }

  function number(): number {
    const digits = /\d+/y;
    digits.lastIndex = at;
    const found = digits.exec(text)?.[0] ?? "";
    const value = Number(found);
    at += found.length;
    if (
      !found ||
      (found.length > 1 && found[0] === "0") ||
      !Number.isSafeInteger(value) ||
      /[.eE]/.test(text[at] ?? "")
    ) {
      throw fail("a number is no whole number below 2^53");
    }
    return value;
  }

  function value(depth: number): HeaderValue {
    space();
    const c = text[at];
    if (c === '"') return string();
    if (c === "[") return list();
    if (c === "{") {
      if (depth > maxDepth) throw fail("values are nested too deep");
      const members = new Map<string, HeaderValue>();
      object(depth, (key, member) => void members.set(key, member));
      return members;
    }
    if (text.startsWith("null", at)) {
      at += 4;
      return null;
    }
    return number();
  }

  function object(depth: number, member: (key: string, value: HeaderValue) => void): void {
    const keys = new Set<string>();
    expect("{");
    space();
    if (text[at] === "}") {
      at++;
      return;
    }
    do {
      space();
      const key = string();
      if (keys.has(key)) throw fail(`the key ${JSON.stringify(key.slice(0, 80))} occurs twice`);
      keys.add(key);
      expect(":");
      member(key, value(depth + 1));
    } while (more("}"));
  }

  function list(): readonly number[] {
    const items: number[] = [];
    expect("[");
    space();
    if (text[at] === "]") {
      at++;
      return items;
    }
    do {
      if (items.length === longestList) throw fail(`a list has more than ${longestList} members`);
      space();
      items.push(number());
    } while (more("]"));
    return items;
  }

  object(0, take);
  space();
  if (at < text.length) throw fail("something follows the header");
}

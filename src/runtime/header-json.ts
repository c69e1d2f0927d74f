// The JSON of a safetensors header, read strictly: objects, lists, strings and whole numbers; a key occurs once.
// JSON.parse would take the last of two equal keys in silence, and `__proto__` needs a Map.

export type HeaderValue = string | number | null | readonly HeaderValue[] | HeaderObject;
export type HeaderObject = ReadonlyMap<string, HeaderValue>;

/** What is wrong with the text, and where. */
export class HeaderError extends Error {}

/** A header is an object of objects of lists: deeper text is no header. */
const maxDepth = 4;

export function parseHeader(text: string): HeaderValue {
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
    if (depth > maxDepth) throw fail("values are nested too deep");
    space();
    const c = text[at];
    if (c === '"') return string();
    if (c === "{") return object(depth);
    if (c === "[") return list(depth);
    if (text.startsWith("null", at)) {
      at += 4;
      return null;
    }
    return number();
  }

  function object(depth: number): HeaderObject {
    const members = new Map<string, HeaderValue>();
    expect("{");
    space();
    if (text[at] === "}") {
      at++;
      return members;
    }
    do {
      space();
      const key = string();
      if (members.has(key)) throw fail(`the key ${JSON.stringify(key.slice(0, 80))} occurs twice`);
      expect(":");
      members.set(key, value(depth + 1));
    } while (more("}"));
    return members;
  }

  function list(depth: number): readonly HeaderValue[] {
    const items: HeaderValue[] = [];
    expect("[");
    space();
    if (text[at] === "]") {
      at++;
      return items;
    }
    do items.push(value(depth + 1));
    while (more("]"));
    return items;
  }

  const result = value(0);
  space();
  if (at < text.length) throw fail("something follows the header");
  return result;
}

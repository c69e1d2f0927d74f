// Names, numbers, strings and comments as Python text. Nothing of a model file becomes code unless it passes here. Knows no op.
import { shorten, visible } from "../../base/frame.ts";

/** Python's keywords, and the names that every emitted file uses itself. */
const taken: readonly string[] = [
  ..."False None True and as assert async await break class continue def del elif else except finally for from global if".split(
    " ",
  ),
  ..."import in is lambda nonlocal not or pass raise return try while with yield match case print type".split(" "),
  // Helpers that generated functions call: a local of the same name would hide them.
  ..."variable gradient maximum minimum largest smallest place_of_largest place_of_smallest product pick one_hot".split(
    " ",
  ),
  ..."scatter_add Random NUMBERS constant".split(" "),
  ..."self torch F math os sys n len range max min float int bool device predict random loss".split(" "),
];

/** Gives out identifiers, each once. */
export class PythonScope {
  private readonly used: Set<string>;

  constructor(more: Iterable<string> = []) {
    this.used = new Set([...taken, ...more]);
  }

  /** An identifier like `wanted`: other characters become `_`. */
  unique(wanted: string): string {
    const plain = wanted.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^_+(?=.)/, "") || "t";
    const start = (/^[0-9]/.test(plain) ? `t${plain}` : plain).slice(0, 60);
    let name = start;
    for (let k = 2; this.used.has(name); k++) name = `${start}_${k}`;
    this.used.add(name);
    return name;
  }
}

/** A Python string. JSON's escapes are Python's, but for the characters beyond 16 bits, which stay as they are. */
export const pythonString = (text: string): string =>
  JSON.stringify(text).replace(
    /[\u007f-\u00a0\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/g,
    (character, at, whole) =>
      isPaired(whole as string, at as number)
        ? character
        : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

function isPaired(text: string, at: number): boolean {
  const code = text.codePointAt(at)!;
  if (code > 0xffff) return true;
  const isLow = code >= 0xdc00 && code <= 0xdfff;
  return isLow && at > 0 && text.codePointAt(at - 1)! > 0xffff;
}

/** A float64 whose text reads back to the same bits. */
export function pythonNumber(value: number, isWhole: boolean): string {
  if (Number.isNaN(value)) return "math.nan";
  if (!Number.isFinite(value)) return value > 0 ? "math.inf" : "-math.inf";
  if (Object.is(value, -0)) return "-0.0";
  const [plain, short] = [String(value), value.toExponential()];
  const text = !isWhole && Math.abs(value) < 1 && short.length < plain.length ? short : plain;
  return isWhole || /[.e]/.test(text) ? text : `${text}.0`;
}

/** `(2, 3)`, `(4,)`, `()`. */
export const pythonTuple = (items: readonly string[]): string =>
  items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;

/** One line of a model file as a comment: a comment ends with its line, so no character may end it early. */
export const pythonComment = (text: string): string => `# ${shorten(visible(text.trim()), 110)}`;

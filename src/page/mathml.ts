// LaTeX, as `nnc grad` writes it, as MathML that browsers typeset themselves. Knows that small part of LaTeX and nothing else:
// what it does not know it shows as text.
import { escapeXml } from "../inspect/svg.ts";

/** One step of reading: a command, a group mark, a number, a letter, a sign. */
const words = /\\begin\{(?:cases)\}|\\end\{(?:cases)\}|\\\\|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|[A-Za-z]|\s+|[^\s]/gu;

const symbols: ReadonlyMap<string, string> = new Map([
  ["\\cdot", "⋅"],
  ["\\odot", "⊙"],
  ["\\to", "→"],
  ["\\top", "⊤"],
  ["\\infty", "∞"],
  ["\\ne", "≠"],
  ["\\le", "≤"],
  ["\\ge", "≥"],
  ["\\lor", "∨"],
  ["\\land", "∧"],
  ["\\lnot", "¬"],
  ["\\nabla", "∇"],
  ["\\lfloor", "⌊"],
  ["\\rfloor", "⌋"],
  ["\\bmod", "mod"],
  ["-", "−"],
  ["\\_", "_"],
  ["\\%", "%"],
  ["\\{", "{"],
  ["\\}", "}"],
]);

const named: ReadonlySet<string> = new Set(["exp", "log", "tanh", "sin", "cos", "max", "min"]);
const operator = (sign: string, attributes = ""): string => `<mo${attributes}>${escapeXml(sign)}</mo>`;
const row = (parts: readonly string[]): string => (parts.length === 1 ? parts[0]! : `<mrow>${parts.join("")}</mrow>`);

class Reader {
  private readonly words: readonly string[];
  private at = 0;

  constructor(text: string) {
    this.words = text.match(words)?.filter((word) => word.trim() !== "") ?? [];
  }

  /** Everything up to one of these words, or to the end; the word itself is passed. */
  upTo(...ends: readonly string[]): { readonly parts: string[]; readonly end: string | undefined } {
    const parts: string[] = [];
    while (this.at < this.words.length) {
      const word = this.words[this.at++]!;
      if (ends.includes(word)) return { parts, end: word };
      this.add(parts, word);
    }
    return { parts, end: undefined };
  }

  private add(parts: string[], word: string): void {
    if (word === "_" || word === "^") {
      const base = parts.pop() ?? "<mrow></mrow>";
      const script = this.argument();
      parts.push(word === "_" ? `<msub>${base}${script}</msub>` : `<msup>${base}${script}</msup>`);
    } else parts.push(this.one(word));
  }

  /** A group in braces, or the next word. */
  private argument(): string {
    const word = this.words[this.at++] ?? "";
    return word === "{" ? row(this.upTo("}").parts) : this.one(word);
  }

  /** The letters of a group, as they are. */
  private plain(): string {
    const letters: string[] = [];
    if (this.words[this.at] === "{") this.at++;
    while (this.at < this.words.length && this.words[this.at] !== "}") letters.push(this.words[this.at++]!);
    this.at++;
    return letters.map((letter) => symbols.get(letter) ?? letter).join("");
  }

  private one(word: string): string {
    switch (word) {
      case "{":
        return row(this.upTo("}").parts);
      case "\\frac": {
        const over = this.argument();
        return `<mfrac>${over}${this.argument()}</mfrac>`;
      }
      case "\\sqrt":
        return `<msqrt>${this.argument()}</msqrt>`;
      case "\\left":
        return this.fenced();
      case "\\operatorname":
        return `<mi mathvariant="normal">${escapeXml(this.plain())}</mi>`;
      case "\\mathrm":
        return `<mi mathvariant="normal">${escapeXml(this.plain())}</mi>`;
      case "\\text":
        return `<mtext>${escapeXml(this.plain())}\u00a0</mtext>`;
      case "\\mathbf":
        return `<mn class="bold">${escapeXml(this.plain())}</mn>`;
      case "\\begin{cases}":
        return this.cases();
      case "\\sigma":
        return "<mi>σ</mi>";
      case "\\,":
        return `<mspace width="0.2em"/>`;
      case "\\!":
        return "";
    }
    if (/^\d/.test(word)) return `<mn>${word}</mn>`;
    if (/^[A-Za-z]$/.test(word)) return `<mi>${word}</mi>`;
    if (word.startsWith("\\") && named.has(word.slice(1))) return `<mi>${word.slice(1)}</mi>`;
    const isComma = word === ",";
    return operator(symbols.get(word) ?? word, isComma ? ' separator="true"' : ' stretchy="false"');
  }

  private fenced(): string {
    const open = this.words[this.at++] ?? "";
    const { parts } = this.upTo("\\right");
    const close = this.words[this.at++] ?? "";
    return `<mrow>${operator(symbols.get(open) ?? open)}${row(parts)}${operator(symbols.get(close) ?? close)}</mrow>`;
  }

  private cases(): string {
    const rows: string[] = [];
    let cells: string[] = [];
    for (;;) {
      const { parts, end } = this.upTo("&", "\\\\", "\\end{cases}");
      cells.push(`<mtd>${row(parts)}</mtd>`);
      if (end === "&") continue;
      rows.push(`<mtr>${cells.join("")}</mtr>`);
      cells = [];
      if (end !== "\\\\") break;
    }
    return `<mrow>${operator("{", ' stretchy="true"')}<mtable columnalign="left">${rows.join("")}</mtable></mrow>`;
  }
}

export const mathml = (latex: string): string => `<math display="block">${row(new Reader(latex).upTo().parts)}</math>`;

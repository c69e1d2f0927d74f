// The cells of a csv text, one after another: separators, line ends, quotes as in RFC 4180. Knows no columns and keeps no cell.
import { limits } from "./limits.ts";
import { bytesText, quoted, UserError } from "./user-error.ts";

const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Powers of ten that doubles hold exactly. */
const powers = Float64Array.from({ length: 23 }, (_, k) => Number(`1e${k}`));

/** Digits of which every whole number is a double. */
const exactDigits = 15;

const [newline, carriage, quote, plus, minus, point, zero, nine] = [10, 13, 34, 43, 45, 46, 48, 57] as const;

const isDigit = (code: number): boolean => code >= zero && code <= nine;

const isSpace = (code: number): boolean =>
  code === 32 || (code >= 9 && code <= carriage) || (code > 127 && /\s/.test(String.fromCharCode(code)));

export class Cells {
  /** The line on which the row began, from 1. */
  line = 0;
  /** The cell's number, which may be infinite; NaN where it is none. */
  value = Number.NaN;
  /** Whether the cell is the last of its row. */
  isLast = true;
  private readonly path: string;
  private readonly separator: number;
  private readonly pieces: Iterator<string, void>;
  /** What is looked at now, from the beginning of a cell on. */
  private text = "";
  private at = 0;
  private isWhole = false;
  private lines = 1;
  /** Where the cell lies in `text`, unless it was quoted: then what it holds. */
  private from = 0;
  private to = 0;
  private unquoted: string | undefined;

  constructor(path: string, pieces: Iterator<string, void>, separator: string) {
    this.path = path;
    this.separator = separator.charCodeAt(0);
    this.pieces = pieces;
  }

  /** What the cell holds. */
  get content(): string {
    return this.unquoted ?? this.text.slice(this.from, this.to);
  }

  /** Goes on to the next cell; false after the last. Blank lines are passed over. */
  next(): boolean {
    if (this.isLast && !this.beginRow()) return false;
    this.unquoted = undefined;
    if (!this.plainNumber()) this.anyCell();
    return true;
  }

  /** Adds what follows to what is looked at, which begins at `from` then; false where nothing follows. */
  private more(from: number): boolean {
    if (this.isWhole) return false;
    const kept = this.text.slice(from);
    this.limit(kept.length);
    const { done, value } = this.pieces.next();
    if (done) this.isWhole = true;
    this.text = kept + (value ?? "");
    this.at = 0;
    return !done;
  }

  private limit(length: number): void {
    if (length <= limits.cell) return;
    throw new UserError(
      "file/too-large",
      `a cell of line ${this.line} of ${quoted(this.path)} is longer than the limit \`cell\` of ${bytesText(limits.cell)}`,
      "Close its quote, or say which separator the file has.",
    );
  }

  /** Passes over blank lines; false at the end of the text. */
  private beginRow(): boolean {
    let { at } = this;
    this.line = this.lines;
    for (;;) {
      const code = this.text.charCodeAt(at);
      if (Number.isNaN(code)) {
        // A line of spaces is a blank one, unless something follows them.
        if (this.more(this.at)) at = this.at;
        else if (this.isWhole && at >= this.text.length) return false;
      } else if (code === newline) {
        this.line = ++this.lines;
        this.at = ++at;
      } else if (isSpace(code)) at++;
      else return true;
    }
  }

  /** A number as most are: up to 15 digits, a point among them, and nothing else. False where the cell is something else. */
  private plainNumber(): boolean {
    const { text } = this;
    let { at } = this;
    let code = text.charCodeAt(at);
    const isNegative = code === minus;
    if (isNegative || code === plus) code = text.charCodeAt(++at);
    let digits = 0;
    let places = 0;
    let value = 0;
    for (; isDigit(code); digits++) {
      value = value * 10 + (code - zero);
      code = text.charCodeAt(++at);
    }
    if (code === point) {
      for (code = text.charCodeAt(++at); isDigit(code); digits++, places++) {
        value = value * 10 + (code - zero);
        code = text.charCodeAt(++at);
      }
    }
    if (digits === 0 || digits > exactDigits) return false;
    const to = at;
    if (code === carriage) code = text.charCodeAt(++at);
    const isEnd = code === newline;
    if (!isEnd && (code !== this.separator || to !== at)) return false;
    // Both are exact, so their quotient is rounded once, as it should be.
    const size = value / powers[places]!;
    this.value = isNegative ? -size : size;
    this.from = this.at;
    this.to = to;
    this.end(at, isEnd);
    return true;
  }

  /** What ends a cell stands at `at`. */
  private end(at: number, isLast: boolean): void {
    this.at = at + 1;
    this.isLast = isLast;
    if (isLast) this.lines++;
  }

  private anyCell(): void {
    for (;;) {
      const isRead = this.text.charCodeAt(this.at) === quote ? this.quotedCell() : this.unquotedCell();
      if (isRead) break;
      this.more(this.at);
    }
    const { content } = this;
    this.limit(content.length);
    const text = content.trim();
    this.value = numberPattern.test(text) ? Number(text) : Number.NaN;
  }

  /** False where its end is not in sight. */
  private unquotedCell(): boolean {
    const { text, separator } = this;
    let { at } = this;
    let code = text.charCodeAt(at);
    while (at < text.length && code !== separator && code !== newline) code = text.charCodeAt(++at);
    if (at >= text.length && !this.isWhole) return false;
    const isLast = code !== separator;
    this.from = this.at;
    this.to = isLast && text.charCodeAt(at - 1) === carriage && at > this.at ? at - 1 : at;
    this.end(at, isLast);
    return true;
  }

  /** A quoted cell may hold separators, line ends and doubled quotes. */
  private quotedCell(): boolean {
    const { text } = this;
    const parts: string[] = [];
    let { at } = this;
    do {
      const end = text.indexOf('"', at + 1);
      if (end < 0) {
        if (!this.isWhole) return false;
        const what = `the quote in line ${this.line} of ${quoted(this.path)} is not closed`;
        throw new UserError("data/csv", what, "Close the quote.");
      }
      parts.push(text.slice(at + 1, end));
      at = end + 1;
    } while (text.charCodeAt(at) === quote);
    // Of a quote at the end of what is in sight, nobody knows yet whether it is doubled.
    if (at + 1 >= text.length && !this.isWhole) return false;
    const isLast = text.charCodeAt(at) !== this.separator;
    if (isLast && text.charCodeAt(at) === carriage) at++;
    if (isLast && at < text.length && text.charCodeAt(at) !== newline) {
      const what = `in line ${this.line} of ${quoted(this.path)}, something follows a closing quote`;
      throw new UserError("data/csv", what, "Double the quotes that are part of a cell.");
    }
    this.unquoted = parts.join('"');
    for (let k = this.unquoted.indexOf("\n"); k >= 0; k = this.unquoted.indexOf("\n", k + 1)) this.lines++;
    this.end(at, isLast);
    return true;
  }
}

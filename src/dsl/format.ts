// `nnc fmt`: a file as it should look. Line breaks stay where they were written; spaces, indentation and blank lines
// become regular, lines that are too long are broken, columns that were aligned stay aligned. Works on tokens, so that
// every comment stays in its place. Formatting twice changes nothing more.
import type { Source } from "../base/span.ts";
import { isOperator } from "./brackets.ts";
import { type Comment, isCloser, isOpener, spaceBetween, type Unit, unitsOf } from "./format-units.ts";
import { levelOf } from "./operators.ts";
import { type ParseLimits, parseConcrete, treeOf } from "./parse.ts";
import * as T from "./tokens.ts";

/** Code longer than this is broken where it can be; comments may go beyond. */
const widest = 120;
const indentStep = 2;

/** Units `from` to `to` (exclusive) on one line. */
interface Line {
  readonly from: number;
  readonly to: number;
  readonly indent: number;
}

/** The formatted text; a text with mistakes is given back as it is (`parse` tells what is wrong with it). */
export function format(source: Source, limits?: ParseLimits): string {
  const concrete = parseConcrete(source, limits);
  if (treeOf(source, concrete).diagnostics.length > 0) return source.text;
  const { units, last } = unitsOf(source, concrete);
  const breaks = initialBreaks(units);
  let lines = layout(units, breaks);
  for (let isBroken = true; isBroken; lines = layout(units, breaks)) {
    isBroken = false;
    for (const line of lines) isBroken = breakLine(units, line, breaks) || isBroken;
  }
  return print(units, lines, last);
}

// ---- Where lines break ----

/** `breaks[i]`: unit i starts a line. */
function initialBreaks(units: readonly Unit[]): boolean[] {
  const breaks = units.map((unit, i) => {
    if (i === 0 || unit.comments.length > 0 || units[i - 1]!.trailing) return true;
    if (unit.type === T.LeftBrace) return false;
    if (unit.type === T.Else && units[i - 1]!.type === T.RightBrace) return false;
    return unit.hadNewline;
  });
  openBlocks(units, breaks);
  return breaks;
}

/** A block that holds a line break anywhere has each statement, and its closing brace, on a line of its own. */
function openBlocks(units: readonly Unit[], breaks: boolean[]): void {
  // How many breaks stand before each unit, counted from the inside out as blocks are opened.
  const isOpened = new Set<number>();
  const open: { readonly at: number; holdsBreak: boolean }[] = [];
  for (let i = 0; i < units.length; i++) {
    const { type, partner } = units[i]!;
    const isEmpty = type === T.RightBrace && partner === i - 1;
    if (breaks[i] && !isEmpty) for (const block of open.slice(-1)) block.holdsBreak = true;
    if (isEmpty && units[i]!.comments.length === 0 && !units[i - 1]!.trailing) breaks[i] = false;
    if (isOpener(type)) open.push({ at: i, holdsBreak: false });
    if (!isCloser(type)) continue;
    const { at, holdsBreak } = open.pop()!;
    if (!holdsBreak && !breaks[i]) continue;
    isOpened.add(at);
    const outer = open.at(-1);
    if (outer) outer.holdsBreak = true;
  }
  const blocks: boolean[] = [true];
  for (let i = 0; i < units.length; i++) {
    const { type, partner, isStart } = units[i]!;
    if (isStart && blocks.at(-1)) breaks[i] = true;
    if (type === T.RightBrace && isOpened.has(partner) && partner !== i - 1) breaks[i] = true;
    if (isOpener(type)) blocks.push(type === T.LeftBrace && isOpened.has(i));
    if (isCloser(type)) blocks.pop();
  }
}

function layout(units: readonly Unit[], breaks: readonly boolean[]): Line[] {
  const lines: Line[] = [];
  /** Of each open bracket: how far its line is indented. */
  const open: { readonly base: number; readonly isBlock: boolean }[] = [];
  let from = 0;
  let indent = 0;
  for (let i = 0; i <= units.length; i++) {
    if (i > from && (i === units.length || breaks[i])) {
      lines.push({ from, to: i, indent });
      from = i;
    }
    const unit = units[i];
    if (!unit) break;
    const inside = open.at(-1);
    if (breaks[i]) {
      const before = units[i - 1]?.type;
      const goesOn = inside && !inside.isBlock ? before !== T.Comma && !isOpener(before!) : !unit.isStart;
      if (isCloser(unit.type)) indent = inside!.base;
      else indent = (inside ? inside.base + indentStep : 0) + (goesOn ? indentStep : 0);
    }
    if (isCloser(unit.type)) open.pop();
    if (isOpener(unit.type)) open.push({ base: indent, isBlock: unit.type === T.LeftBrace });
  }
  return lines;
}

/** Breaks a line that is too long at its loosest place; false where it is short or cannot be broken. */
function breakLine(units: readonly Unit[], line: Line, breaks: boolean[]): boolean {
  const length = widthOf(units, line);
  if (length <= widest) return false;
  const bracket = longestBracket(units, line);
  const places = loosestPlaces(units, line);
  const bracketLength =
    bracket === undefined ? 0 : widthOf(units, { ...line, from: bracket, to: units[bracket]!.partner });
  if (bracket !== undefined && (places.length === 0 || bracketLength > length * 0.4)) {
    return openBracket(units, bracket, breaks);
  }
  for (const place of places) breaks[place] = true;
  return places.length > 0;
}

/** The opening bracket of the longest outermost pair that lies in the line and holds something. */
function longestBracket(units: readonly Unit[], { from, to }: Line): number | undefined {
  let longest: number | undefined;
  let longestSize = 0;
  for (let i = from; i < to; i++) {
    const { type, partner, token } = units[i]!;
    if (!isOpener(type) || partner >= to) continue;
    const size = units[partner]!.token.startOffset - token.startOffset;
    if (partner > i + 1 && size > longestSize) {
      longest = i;
      longestSize = size;
    }
    i = partner;
  }
  return longest;
}

/** A line for each item of a bracket or statement of a block, and for its end. */
function openBracket(units: readonly Unit[], opener: number, breaks: boolean[]): boolean {
  const closer = units[opener]!.partner;
  breaks[opener + 1] = true;
  breaks[closer] = true;
  for (let i = opener + 1; i < closer; i++) {
    const { type, partner, isStart } = units[i]!;
    if (isStart || units[i - 1]!.type === T.Comma) breaks[i] = true;
    if (isOpener(type)) i = partner;
  }
  return true;
}

/** Outside of the line's brackets: before each `|>`, else each `then` and `else`, else after the loosest operators. */
function loosestPlaces(units: readonly Unit[], line: Line): number[] {
  const outside: number[] = [];
  for (let i = line.from; i < line.to; i++) {
    const { type, partner } = units[i]!;
    if (i > line.from) outside.push(i);
    if (isOpener(type) && partner < line.to) i = partner;
    else if (isOpener(type)) break;
  }
  const before = (...types: (typeof T.PipeTo)[]): number[] => outside.filter((i) => types.includes(units[i]!.type));
  const pipes = before(T.PipeTo);
  if (pipes.length > 0) return pipes;
  const sides = before(T.Then, T.Else);
  if (sides.length > 0) return sides.filter((i) => units[i - 1]!.type !== T.RightBrace);
  const operators = outside.filter((i) => isBinary(units[i]!) && i + 1 < line.to);
  const loosest = smallest(operators.map((i) => levelOf(units[i]!.type)));
  return filled(
    units,
    line,
    operators.filter((i) => levelOf(units[i]!.type) === loosest).map((i) => i + 1),
  );
}

/** Of the places where a line may be broken, those that fill each line as far as it goes. */
function filled(units: readonly Unit[], { from, to, indent }: Line, places: readonly number[]): number[] {
  const chosen: number[] = [];
  const nextIndent = indent + (units[from]!.isStart ? indentStep : 0);
  let width = indent;
  let start = from;
  for (let k = 0; k < places.length; k++) {
    const place = places[k]!;
    width += textOf(units, start, place).length + 1;
    start = place;
    const next = textOf(units, place, places[k + 1] ?? to).length;
    if (width + next <= widest) continue;
    chosen.push(place);
    width = nextIndent;
  }
  return chosen;
}

const isBinary = ({ type, isPrefix }: Unit): boolean => !isPrefix && type !== T.PipeTo && isOperator(type);

// ---- Text ----

const textOf = (units: readonly Unit[], from: number, to: number): string => {
  let text = "";
  for (let i = from; i < to; i++) {
    if (i > from) text += spaceBetween(units[i - 1]!, units[i]!);
    text += units[i]!.token.image;
  }
  return text;
};

const widthOf = (units: readonly Unit[], { from, to, indent }: Line): number => indent + textOf(units, from, to).length;

/** The `=` that a line's names are bound with, where it has one. */
function bindingOf(units: readonly Unit[], { from, to }: Line): number | undefined {
  if (!units[from]!.isStart) return undefined;
  for (let i = from + 1; i < to; i++) {
    const { type, rule } = units[i]!;
    if (type === T.Is && bindingRules.has(rule)) return i;
  }
  return undefined;
}
const bindingRules: ReadonlySet<string> = new Set(["constant", "entry", "binding", "slot", "body"]);

function print(units: readonly Unit[], lines: readonly Line[], last: readonly Comment[]): string {
  const code = alignBindings(units, lines);
  const gaps = commentGaps(units, lines, code);
  let out = "";
  const blank = (wanted: boolean): void => {
    if (wanted && out !== "" && !out.endsWith("{\n") && !out.endsWith("\n\n")) out += "\n";
  };
  lines.forEach((line, k) => {
    const first = units[line.from]!;
    const isEnd = isCloser(first.type);
    const margin = " ".repeat(line.indent + (isEnd ? indentStep : 0));
    for (const comment of first.comments) {
      blank(comment.blankBefore);
      out += `${margin}${comment.text}\n`;
    }
    if (first.hadBlankLine && (first.isStart || first.comments.length > 0) && !isEnd) blank(true);
    const { trailing } = units[line.to - 1]!;
    out += `${code[k]!}${trailing ? " ".repeat(gaps[k]!) + trailing.text : ""}\n`;
  });
  for (const comment of last) {
    blank(comment.blankBefore);
    out += `${comment.text}\n`;
  }
  return out;
}

/** Each line's code; runs of lines whose `=` stood in one column keep them in one. */
function alignBindings(units: readonly Unit[], lines: readonly Line[]): string[] {
  const code = lines.map(({ from, to, indent }) => " ".repeat(indent) + textOf(units, from, to));
  const bindings = lines.map((line) => bindingOf(units, line));
  const before = lines.map(({ from, indent }, k) =>
    bindings[k] === undefined ? 0 : indent + textOf(units, from, bindings[k]).length,
  );
  const gaps = bindings.map((at) => (at === undefined ? 1 : Math.max(1, units[at]!.gap)));
  const columnOf = (k: number): number | undefined =>
    bindings[k] === undefined ? undefined : units[bindings[k]]!.column;
  for (const [start, end] of runs(units, lines, columnOf, (k) => units[bindings[k]!]!.line)) {
    const gap = smallest(gaps.slice(start, end)) - 1;
    const column = largest(before.slice(start, end)) + gap;
    const fits = code.slice(start, end).every((text, i) => text.length + column - before[start + i]! <= widest);
    if (!fits) continue;
    for (let k = start; k < end; k++) {
      const text = code[k]!;
      code[k] = text.slice(0, before[k]) + " ".repeat(column - before[k]!) + text.slice(before[k]);
    }
  }
  return code;
}

/** The space before each line's trailing comment: at least two, and one column where there was one. */
function commentGaps(units: readonly Unit[], lines: readonly Line[], code: readonly string[]): number[] {
  const trailing = lines.map(({ to }) => units[to - 1]!.trailing);
  const gaps = trailing.map((comment) => Math.max(2, comment?.gap ?? 2));
  const columnOf = (k: number): number | undefined => trailing[k]?.column;
  for (const [start, end] of runs(units, lines, columnOf, (k) => units[lines[k]!.to - 1]!.line)) {
    const column = largest(code.slice(start, end).map((text) => text.length)) + smallest(gaps.slice(start, end));
    for (let k = start; k < end; k++) gaps[k] = column - code[k]!.length;
  }
  return gaps;
}

// Not `Math.max(...numbers)`: a file may have more lines than a call may have arguments.
const largest = (numbers: readonly number[]): number =>
  numbers.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
const smallest = (numbers: readonly number[]): number =>
  numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);

/** Runs of two or more neighbouring lines, in the text and here, with something in the same column of the text. */
function runs(
  units: readonly Unit[],
  lines: readonly Line[],
  columnOf: (line: number) => number | undefined,
  rowOf: (line: number) => number,
): [start: number, end: number][] {
  const found: [number, number][] = [];
  let start = 0;
  for (let k = 1; k <= lines.length; k++) {
    const isNext =
      k < lines.length &&
      columnOf(k) !== undefined &&
      columnOf(k) === columnOf(k - 1) &&
      lines[k]!.indent === lines[k - 1]!.indent &&
      units[lines[k]!.from]!.comments.length === 0 &&
      rowOf(k) === rowOf(k - 1) + 1;
    if (isNext) continue;
    if (k - start > 1) found.push([start, k]);
    start = k;
  }
  return found;
}

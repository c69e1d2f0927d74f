// WebAssembly text as folded expressions, and how they are laid out in lines. Knows no instructions.

export type Text = Expression | Comment;

/** `(head args…)`: an expression, an instruction or a declaration. */
export interface Expression {
  readonly head: string;
  readonly args: readonly Text[];
  /** On one line; absent where it must not be. */
  readonly flat?: string;
}

/** A line of its own. */
export interface Comment {
  readonly comment: string;
}

export const wat = (head: string, ...args: readonly Expression[]): Expression => {
  const flats = args.map((arg) => arg.flat);
  if (flats.includes(undefined)) return { head, args };
  return { head, args, flat: `(${[head, ...flats].join(" ")})` };
};

/** An expression that is text already. */
export const raw = (text: string): Expression => ({ head: text.slice(1, -1), args: [], flat: text });

/** With its parts below each other, comments among them. */
export const block = (head: string, args: readonly Text[]): Expression => ({ head, args });

export const comment = (text: string): Comment => ({ comment: text });

/** Columns that a line may have. */
const width = 112;

export function linesOf(text: Text): string[] {
  if ("comment" in text) return [text.comment === "" ? ";;" : `;; ${text.comment}`];
  if (text.flat !== undefined && (text.flat.length <= width || text.args.length === 0)) return [text.flat];
  const inner = text.args.flatMap((arg) => linesOf(arg).map((line) => `  ${line}`));
  const last = text.args.at(-1);
  // A comment's line would take the parenthesis into it.
  if (last === undefined || "comment" in last) return [`(${text.head}`, ...inner, ")"];
  inner[inner.length - 1] += ")";
  return [`(${text.head}`, ...inner];
}

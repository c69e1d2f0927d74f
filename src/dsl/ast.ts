// The syntax tree of a model file. Immutable; every node has its span. Chains are flat lists, so that a
// 100,000-term sum is one node and not a 100,000-deep tree.
import type { Span } from "../base/span.ts";

export interface Name {
  readonly text: string;
  readonly span: Span;
}

export type Expr =
  | { readonly kind: "number"; readonly value: number; readonly span: Span }
  | { readonly kind: "string"; readonly value: string; readonly span: Span }
  | { readonly kind: "bool"; readonly value: boolean; readonly span: Span }
  | { readonly kind: "name"; readonly name: string; readonly span: Span }
  /** `[a, b]` or `(a, b)`; a single parenthesised expression is that expression. */
  | { readonly kind: "list"; readonly items: readonly Item[]; readonly span: Span }
  | { readonly kind: "if"; readonly condition: Expr; readonly then: Branch; readonly else: Branch; readonly span: Span }
  | { readonly kind: "pipe"; readonly first: Expr; readonly stages: readonly Expr[]; readonly span: Span }
  /** Left-associative operators of one level: `a - b + c`. `and` and `or` too. */
  | { readonly kind: "chain"; readonly first: Expr; readonly rest: readonly ChainItem[]; readonly span: Span }
  | { readonly kind: "compare"; readonly op: CompareOp; readonly left: Expr; readonly right: Expr; readonly span: Span }
  | { readonly kind: "unary"; readonly op: "-" | "not"; readonly value: Expr; readonly span: Span }
  | { readonly kind: "power"; readonly base: Expr; readonly exponent: Expr; readonly span: Span }
  | { readonly kind: "call"; readonly callee: Expr; readonly args: readonly Arg[]; readonly span: Span }
  | { readonly kind: "index"; readonly value: Expr; readonly items: readonly Item[]; readonly span: Span }
  | { readonly kind: "member"; readonly value: Expr; readonly name: Name; readonly span: Span }
  /** What recovery could not read; already reported. */
  | { readonly kind: "error"; readonly span: Span };

export type ChainOp = "+" | "-" | "*" | "/" | "%" | "@" | "and" | "or";
export type CompareOp = "==" | "!=" | "<" | "<=" | ">" | ">=";
export interface ChainItem {
  readonly op: ChainOp;
  readonly opSpan: Span;
  readonly value: Expr;
}

/** A side of an `if`. */
export type Branch = Expr | Block;

export type Item =
  | { readonly kind: "rest" /** `..rest`: a second run. */; readonly name?: Name; readonly span: Span }
  | { readonly kind: "range"; readonly from?: Expr; readonly to?: Expr; readonly span: Span }
  | Expr;

export type Arg = {
  readonly name?: Name;
  readonly value: Item | { readonly kind: "hole"; readonly span: Span };
  readonly span: Span;
};

export interface Block {
  readonly kind: "block";
  readonly statements: readonly Stmt[];
  readonly span: Span;
}

export type Stmt =
  | {
      readonly kind: "param" | "state";
      readonly name: Name;
      readonly type?: Type;
      readonly init: Expr;
      readonly span: Span;
    }
  | { readonly kind: "for"; readonly name: Name; readonly over: Item; readonly body: Block; readonly span: Span }
  | { readonly kind: "bind"; readonly names: readonly Name[]; readonly value: Expr; readonly span: Span }
  /** `v <- expr`. */
  | { readonly kind: "update"; readonly name: Name; readonly value: Expr; readonly span: Span }
  | { readonly kind: "expr"; readonly value: Expr; readonly span: Span };

export type Type =
  /** `f32[N, 784]`, `class[N] < 10`, `[]`; dtype unsaid means f32. */
  | {
      readonly kind: "tensor";
      readonly dtype?: Name;
      readonly sizes: readonly Size[];
      readonly bound?: Expr;
      readonly span: Span;
    }
  /** `shape(p)`. */
  | { readonly kind: "shapeof"; readonly fn: Name; readonly of: Name; readonly span: Span };

export type Size = { readonly kind: "run"; readonly name?: Name; readonly span: Span } | Expr;

export interface Param {
  readonly name: Name;
  readonly type?: Type;
  readonly default?: Expr;
  readonly span: Span;
}

export interface Result {
  readonly name?: Name;
  readonly type: Type;
}

export type Body = Block | Expr;

interface DeclBase {
  readonly span: Span;
  /** The comment lines right above, without `#`. */
  readonly doc?: string;
}

export type Decl = DeclBase &
  (
    | { readonly kind: "import"; readonly path: string; readonly pathSpan: Span; readonly as?: Name }
    | { readonly kind: "dim" | "hyper" | "binding"; readonly name: Name; readonly value: Expr }
    | {
        readonly kind: "fn" | "model" | "optimizer";
        readonly name: Name;
        readonly params: readonly Param[];
        readonly results?: readonly Result[];
        readonly body: Body;
      }
    | { readonly kind: "loss"; readonly params: readonly Param[]; readonly body: Body; readonly keyword: Span }
    | { readonly kind: "metric"; readonly name: Name; readonly params: readonly Param[]; readonly body?: Body }
    | { readonly kind: "train"; readonly entries: readonly Entry[]; readonly keyword: Span }
  );

export interface Entry {
  /** `optimizer.critic` is two names. */
  readonly path: readonly Name[];
  readonly value: Expr;
  readonly span: Span;
}

export interface File {
  readonly decls: readonly Decl[];
  readonly span: Span;
  /** Every comment, for the formatter. */
  readonly comments: readonly { readonly text: string; readonly span: Span }[];
}

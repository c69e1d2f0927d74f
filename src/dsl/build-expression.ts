// Concrete syntax of expressions -> the tree of `ast.ts`: applies the precedence of operators. Tolerates nodes that
// recovery left incomplete: what is missing becomes an `error` node, already reported.
import type { IToken } from "chevrotain";
import { type Diagnostic, diagnose } from "../base/diagnostic.ts";
import { syntax } from "../base/diagnostics/syntax.ts";
import type { Source, Span } from "../base/span.ts";
import type { Arg, Block, Branch, ChainItem, ChainOp, CompareOp, Expr, Item, Name } from "./ast.ts";
import type {
  ArgumentCstNode,
  BlockCstNode,
  BranchCstNode,
  ChoiceCstNode,
  ExpressionCstNode,
  ItemCstNode,
  OperandCstNode,
  RestCstNode,
  SuffixCstNode,
  SumCstNode,
} from "./cst.ts";
import { level, levelOf, prefixLevelOf } from "./operators.ts";
import * as T from "./tokens.ts";

/** A value with the text it covers, its parentheses included. */
interface Part {
  readonly value: Expr;
  readonly start: number;
  readonly end: number;
}

/** A part still growing: operators of one level join the chain. */
interface Draft {
  readonly first: Expr;
  readonly rest: ChainItem[];
  readonly level: number;
  readonly start: number;
  end: number;
}

interface Pending {
  readonly token: IToken;
  readonly level: number;
  readonly isPrefix: boolean;
}

export interface ExpressionBuilder {
  expression(node: ExpressionCstNode | undefined, missingAt: number): Expr;
  /** `after` is the mark it stands behind, for messages. */
  sum(node: SumCstNode | undefined, missingAt: number, after: string): Expr;
  item(node: ItemCstNode | undefined, missingAt: number): Item;
  name(token: IToken | undefined, missingAt: number): Name;
}

export function expressionBuilder(
  source: Source,
  report: (diagnostic: Diagnostic) => void,
  blockOf: (node: BlockCstNode) => Block,
): ExpressionBuilder {
  const span = (start: number, end: number): Span => ({ source, start, end });
  const errorAt = (at: number): Expr => ({ kind: "error", span: span(at, at) });
  const spanOf = (token: IToken): Span => T.spanOf(source, token);

  const name = (token: IToken | undefined, missingAt: number): Name =>
    token ? { text: token.image, span: spanOf(token) } : { text: "", span: span(missingAt, missingAt) };

  function expression(node: ExpressionCstNode | undefined, missingAt: number): Expr {
    if (!node) return errorAt(missingAt);
    const { choice, operand, Operator = [] } = node.children;
    if (choice) return choiceOf(choice[0]!);
    if (!operand) return errorAt(missingAt);
    const piped = Operator.findIndex((token) => token.tokenType === T.PipeTo);
    if (piped === -1) return arrange(operand, Operator, missingAt, undefined).value;
    const first = arrange(operand.slice(0, piped + 1), Operator.slice(0, piped), missingAt, undefined);
    const stages: Expr[] = [];
    let end = first.end;
    for (let i = piped; i < Operator.length; i++) {
      const mark = Operator[i]!;
      if (mark.tokenType !== T.PipeTo) {
        report(diagnose(syntax, "syntax/pipe-operator", spanOf(mark), { operator: mark.image }));
        break;
      }
      const prefix = operand[i + 1]?.children.prefix?.[0];
      if (prefix) report(diagnose(syntax, "syntax/pipe-stage", spanOf(prefix), { found: prefix.image }));
      const stage = operandOf(operand[i + 1], T.endOf(mark));
      stages.push(prefix ? { kind: "error", span: span(prefix.startOffset, stage.end) } : stage.value);
      end = stage.end;
    }
    return { kind: "pipe", first: first.value, stages, span: span(first.start, end) };
  }

  function sum(node: SumCstNode | undefined, missingAt: number, after: string): Expr {
    if (!node?.children.operand) return errorAt(missingAt);
    return arrange(node.children.operand, node.children.Operator ?? [], missingAt, after).value;
  }

  /** Operands and the operators between them, by precedence; two stacks and no recursion, so chains may be long. */
  function arrange(
    operands: readonly OperandCstNode[],
    operators: readonly IToken[],
    missingAt: number,
    after: string | undefined,
  ): Part {
    const values: Draft[] = [];
    const pending: Pending[] = [];

    const settle = (draft: Draft): Expr =>
      draft.rest.length === 0
        ? draft.first
        : { kind: "chain", first: draft.first, rest: draft.rest, span: span(draft.start, draft.end) };
    const alone = (value: Expr, start: number, end: number, ofLevel = Number.POSITIVE_INFINITY): Draft => ({
      first: value,
      rest: [],
      level: ofLevel,
      start,
      end,
    });

    const reduce = (): void => {
      const { token, level: ofLevel, isPrefix } = pending.pop()!;
      const right = values.pop()!;
      const value = settle(right);
      if (isPrefix) {
        const op = token.tokenType === T.Not ? "not" : "-";
        const whole = span(token.startOffset, right.end);
        values.push(alone({ kind: "unary", op, value, span: whole }, token.startOffset, right.end));
        return;
      }
      const left = values.pop()!;
      const whole = span(left.start, right.end);
      if (ofLevel === level.power) {
        values.push(alone({ kind: "power", base: settle(left), exponent: value, span: whole }, left.start, right.end));
      } else if (ofLevel === level.compare) {
        // By its kind: what was written may be misspelt.
        const op = token.tokenType.PATTERN as CompareOp;
        const compare: Expr = { kind: "compare", op, left: settle(left), right: value, span: whole };
        values.push(alone(compare, left.start, right.end, level.compare));
      } else {
        const link: ChainItem = { op: token.tokenType.PATTERN as ChainOp, opSpan: spanOf(token), value };
        if (left.level === ofLevel && left.rest.length > 0) {
          left.rest.push(link);
          left.end = right.end;
          values.push(left);
        } else {
          values.push({ first: settle(left), rest: [link], level: ofLevel, start: left.start, end: right.end });
        }
      }
    };

    const shift = (operand: OperandCstNode | undefined, at: number, before: string | undefined): void => {
      let tight = before;
      for (const token of operand?.children.prefix ?? []) {
        if (token.tokenType === T.Not && tight !== undefined) {
          report(diagnose(syntax, "syntax/not-parentheses", spanOf(token), { operator: tight }));
        }
        if (token.tokenType === T.Minus) tight = "-";
        pending.push({ token, level: prefixLevelOf(token.tokenType), isPrefix: true });
      }
      const { value, start, end } = operandOf(operand, at);
      values.push(alone(value, start, end));
    };

    shift(operands[0], missingAt, after);
    for (let i = 0; i < operators.length; i++) {
      const token = operators[i]!;
      const ofLevel = levelOf(token.tokenType);
      // `**` is right-associative: an earlier `**` waits for this one.
      while (pending.length > 0 && pending.at(-1)!.level >= ofLevel + (ofLevel === level.power ? 1 : 0)) reduce();
      if (ofLevel === level.compare) {
        const left = values.at(-1)!;
        if (left.level === level.compare && left.first.kind === "compare") {
          const facts = { first: left.first.op, second: token.image };
          report(diagnose(syntax, "syntax/compare-chain", spanOf(token), facts));
        }
      }
      pending.push({ token, level: ofLevel, isPrefix: false });
      shift(operands[i + 1], T.endOf(token), ofLevel > level.not ? token.image : undefined);
    }
    while (pending.length > 0) reduce();
    const whole = values[0]!;
    return { value: settle(whole), start: whole.start, end: whole.end };
  }

  /** A value with its calls, indexes and members; its prefixes are the caller's. */
  function operandOf(node: OperandCstNode | undefined, missingAt: number): Part {
    let part = atomOf(node, missingAt);
    for (const suffix of node?.children.suffix ?? []) part = suffixOf(part, suffix);
    return part;
  }

  function atomOf(node: OperandCstNode | undefined, missingAt: number): Part {
    const children = node?.children;
    const prefix = children?.prefix?.at(-1);
    const at = prefix ? T.endOf(prefix) : missingAt;
    if (!children) return { value: errorAt(at), start: at, end: at };
    const token = (children.NumberText ??
      children.StringText ??
      children.True ??
      children.False ??
      children.Name ??
      children.Invalid)?.[0];
    if (token) {
      const place = spanOf(token);
      return { value: literalOf(token, place), start: place.start, end: place.end };
    }
    const tuple = children.tuple?.[0]?.children;
    const list = children.list?.[0]?.children;
    const open = (tuple?.LeftParen ?? list?.LeftSquare)?.[0];
    if (!open) return { value: errorAt(at), start: at, end: at };
    const start = open.startOffset;
    const inner = T.endOf(open);
    let items: Item[];
    if (tuple) items = (tuple.expression ?? []).map((item) => expression(item, inner));
    else items = (list?.item ?? []).map((node) => item(node, inner));
    const close = (tuple?.RightParen ?? list?.RightSquare)?.[0];
    const end = close ? T.endOf(close) : Math.max(inner, ...items.slice(-1).map((item) => item.span.end));
    if (tuple && items.length < 2) return { value: (items[0] as Expr | undefined) ?? errorAt(inner), start, end };
    return { value: { kind: "list", items, span: span(start, end) }, start, end };
  }

  function literalOf(token: IToken, place: Span): Expr {
    switch (token.tokenType) {
      case T.NumberText:
        return { kind: "number", value: token.payload as number, span: place };
      case T.StringText:
        return { kind: "string", value: token.payload as string, span: place };
      case T.True:
      case T.False:
        return { kind: "bool", value: token.tokenType === T.True, span: place };
      case T.Invalid:
        return { kind: "error", span: place };
      default:
        return { kind: "name", name: token.image, span: place };
    }
  }

  function suffixOf(part: Part, { children }: SuffixCstNode): Part {
    const open = (children.LeftParen ?? children.LeftSquare ?? children.Dot)![0]!;
    const inner = T.endOf(open);
    const close = (children.RightParen ?? children.RightSquare ?? children.Name)?.[0];
    const whole = (end: number): Span => span(part.start, close ? T.endOf(close) : Math.max(inner, end));
    let value: Expr;
    if (children.LeftParen) {
      const args = (children.argument ?? []).map((node) => argumentOf(node, inner));
      checkOrder(args);
      value = { kind: "call", callee: part.value, args, span: whole(args.at(-1)?.span.end ?? inner) };
    } else if (children.LeftSquare) {
      const items = (children.item ?? []).map((node) => item(node, inner));
      value = { kind: "index", value: part.value, items, span: whole(items.at(-1)?.span.end ?? inner) };
    } else {
      value = { kind: "member", value: part.value, name: name(children.Name?.[0], inner), span: whole(inner) };
    }
    return { value, start: part.start, end: value.span.end };
  }

  function argumentOf({ children }: ArgumentCstNode, missingAt: number): Arg {
    const named = children.Is && children.Name?.[0];
    const at = named ? T.endOf(children.Is![0]!) : missingAt;
    const hole = children.Hole?.[0];
    const value = hole ? ({ kind: "hole", span: spanOf(hole) } as const) : item(children.item?.[0], at);
    if (!named) return { value, span: value.span };
    const whole = span(named.startOffset, Math.max(at, value.span.end));
    return { name: name(named, at), value, span: whole };
  }

  function checkOrder(args: readonly Arg[]): void {
    let named: Name | undefined;
    for (const arg of args) {
      if (arg.name) named = arg.name;
      else if (named && arg.value.kind !== "error") {
        report(diagnose(syntax, "syntax/argument-order", arg.span, { name: named.text }));
        return;
      }
    }
  }

  function item(node: ItemCstNode | undefined, missingAt: number): Item {
    const children = node?.children;
    if (!children) return errorAt(missingAt);
    const rest = children.rest?.[0];
    if (rest) return restOf(rest);
    const first = children.expression?.[0];
    const from = first && expression(first, missingAt);
    const colon = children.Colon?.[0];
    if (!colon) return from ?? errorAt(missingAt);
    const to = children.sum?.[0] && sum(children.sum[0], T.endOf(colon), ":");
    const start = from?.span.start ?? colon.startOffset;
    const end = to?.span.end ?? T.endOf(colon);
    return { kind: "range", ...(from && { from }), ...(to && { to }), span: span(start, end) };
  }

  function restOf({ children }: RestCstNode): Item {
    const mark = children.Rest[0]!;
    const named = children.Name?.[0];
    if (!named) return { kind: "rest", span: spanOf(mark) };
    return { kind: "rest", name: name(named, T.endOf(mark)), span: span(mark.startOffset, T.endOf(named)) };
  }

  function choiceOf({ children }: ChoiceCstNode): Expr {
    const start = children.If[0]!.startOffset;
    const then = children.Then?.[0];
    const otherwise = children.Else?.[0];
    const condition = expression(children.condition?.[0], T.endOf(children.If[0]!));
    const left = branchOf(children.branch?.[0], then ? T.endOf(then) : condition.span.end);
    const right = branchOf(children.branch?.[1], otherwise ? T.endOf(otherwise) : left.span.end);
    return {
      kind: "if",
      condition,
      // biome-ignore lint/suspicious/noThenProperty: the tree is data, never awaited
      then: left,
      else: right,
      span: span(start, Math.max(left.span.end, right.span.end)),
    };
  }

  function branchOf(node: BranchCstNode | undefined, missingAt: number): Branch {
    const block = node?.children.block?.[0];
    return block ? blockOf(block) : expression(node?.children.expression?.[0], missingAt);
  }

  return { expression, sum, item, name };
}

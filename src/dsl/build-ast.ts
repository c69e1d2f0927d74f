// Concrete syntax of declarations and statements -> the tree of `ast.ts`. Tolerates nodes that recovery left
// incomplete: a declaration whose name is known stays, so that its uses cause no further errors.
import type { CstNode, IToken } from "chevrotain";
import type { Diagnostic } from "../base/diagnostic.ts";
import { positionAt, type Source, type Span, textOf } from "../base/span.ts";
import type { Block, Body, Decl, Entry, Expr, File, Param, Result, Size, Stmt, Type } from "./ast.ts";
import { expressionBuilder } from "./build-expression.ts";
import type {
  BlockCstNode,
  BodyCstNode,
  DeclarationCstNode,
  EntryCstNode,
  FileCstNode,
  ParametersCstNode,
  ResultsCstNode,
  SizesCstNode,
  StatementCstNode,
  TypeCstNode,
} from "./cst.ts";
import { startsLine } from "./lex.ts";
import * as T from "./tokens.ts";

type Comments = File["comments"];

export function buildAst(
  source: Source,
  cst: FileCstNode,
  comments: Comments,
  report: (diagnostic: Diagnostic) => void,
): File {
  const span = (start: number, end: number): Span => ({ source, start, end });
  const { expression, sum, item, name } = expressionBuilder(source, report, blockOf);
  const docs = docsByLine(source, comments);

  const endOfFirst = (tokens: readonly IToken[] | undefined, otherwise: number): number =>
    tokens?.[0] ? T.endOf(tokens[0]) : otherwise;

  // ---- Declarations ----

  function declarationOf(node: DeclarationCstNode): Decl | undefined {
    const { importing, constant, fn, loss, metric, train, Begin, End } = node.children;
    const start = Begin[0]!.startOffset;
    const inner = importing ?? constant ?? fn ?? loss ?? metric ?? train;
    const whole = span(start, endOfFirst(End, inner ? lastEnd(inner[0]!, start) : start));
    const doc = docs.get(positionAt(source, start).line);
    const base = { span: whole, ...(doc !== undefined && { doc }) };
    const at = whole.end;
    if (importing) {
      const { StringText, As, Name } = importing[0]!.children;
      const path = StringText?.[0];
      if (!path) return undefined;
      const as = As && Name?.[0] && name(Name[0], at);
      return {
        ...base,
        kind: "import",
        path: path.payload as string,
        pathSpan: T.spanOf(source, path),
        ...(as && { as }),
      };
    }
    if (constant) {
      const { keyword, Name, Is, expression: value } = constant[0]!.children;
      if (!Name?.[0]) return undefined;
      const kind = keyword ? (keyword[0]!.tokenType === T.Dim ? "dim" : "hyper") : "binding";
      return { ...base, kind, name: name(Name[0], at), value: expression(value?.[0], endOfFirst(Is, at)) };
    }
    if (fn) {
      const { keyword, Name, parameters, results, body } = fn[0]!.children;
      if (!Name?.[0]) return undefined;
      const kind = keyword![0]!.image as "fn" | "model" | "optimizer";
      const declared = results?.[0] && resultsOf(results[0]);
      return {
        ...base,
        kind,
        name: name(Name[0], at),
        params: paramsOf(parameters?.[0]),
        ...(declared && { results: declared }),
        body: bodyOf(body?.[0], at),
      };
    }
    if (loss) {
      const { keyword, parameters, body } = loss[0]!.children;
      const params = paramsOf(parameters?.[0]);
      return { ...base, kind: "loss", params, body: bodyOf(body?.[0], at), keyword: T.spanOf(source, keyword[0]!) };
    }
    if (metric) {
      const { Name, parameters, body } = metric[0]!.children;
      if (!Name?.[0]) return undefined;
      const own = body && { body: bodyOf(body[0], at) };
      return { ...base, kind: "metric", name: name(Name[0], at), params: paramsOf(parameters?.[0]), ...own };
    }
    if (train) {
      const { keyword, entry } = train[0]!.children;
      const entries = (entry ?? []).map(entryOf).filter((entry) => entry !== undefined);
      return { ...base, kind: "train", entries, keyword: T.spanOf(source, keyword[0]!) };
    }
    return undefined;
  }

  function entryOf({ children }: EntryCstNode): Entry | undefined {
    const { Begin, Name, Is, expression: value, End } = children;
    if (!Name?.[0]) return undefined;
    const at = endOfFirst(Is, T.endOf(Name.at(-1)!));
    const read = expression(value?.[0], at);
    const whole = span(Begin[0]!.startOffset, endOfFirst(End, Math.max(at, read.span.end)));
    return { path: Name.map((token) => name(token, at)), value: read, span: whole };
  }

  function paramsOf(node: ParametersCstNode | undefined): Param[] {
    const params: Param[] = [];
    for (const { children } of node?.children.parameter ?? []) {
      const token = children.Name?.[0];
      if (!token) continue;
      const type = typeOf(children.type?.[0], endOfFirst(children.Colon, T.endOf(token)));
      const value = children.Is && expression(children.expression?.[0], T.endOf(children.Is[0]!));
      const end = value?.span.end ?? type?.span.end ?? T.endOf(token);
      params.push({
        name: name(token, end),
        ...(type && { type }),
        ...(value && { default: value }),
        span: span(token.startOffset, end),
      });
    }
    return params;
  }

  function resultsOf({ children }: ResultsCstNode): Result[] | undefined {
    const results: Result[] = [];
    for (const node of children.result ?? []) {
      const type = typeOf(node.children.type?.[0], 0);
      const token = node.children.Name?.[0];
      if (type) results.push(token ? { name: name(token, 0), type } : { type });
    }
    const single = typeOf(children.type?.[0], 0);
    if (single) results.push({ type: single });
    return results.length > 0 ? results : undefined;
  }

  /** Undefined where there is no type, or recovery found too little of one. */
  function typeOf(node: TypeCstNode | undefined, at: number): Type | undefined {
    const tensor = node?.children.tensorType?.[0]?.children;
    if (tensor?.sizes) {
      const sizes = tensor.sizes[0]!;
      const open = sizes.children.LeftSquare[0]!;
      const dtype = tensor.Name?.[0];
      const close = endOfFirst(sizes.children.RightSquare, lastEnd(sizes, open.startOffset));
      const bound = tensor.Less && sum(tensor.sum?.[0], T.endOf(tensor.Less[0]!), "<");
      return {
        kind: "tensor",
        ...(dtype && { dtype: name(dtype, at) }),
        sizes: sizesOf(sizes),
        ...(bound && { bound }),
        span: span((dtype ?? open).startOffset, bound?.span.end ?? close),
      };
    }
    const shape = node?.children.shapeOf?.[0]?.children;
    if (!shape?.Name?.[1]) return undefined;
    const [fn, of] = [name(shape.Name[0], at), name(shape.Name[1], at)];
    return { kind: "shapeof", fn, of, span: span(fn.span.start, endOfFirst(shape.RightParen, of.span.end)) };
  }

  function sizesOf({ children }: SizesCstNode): Size[] {
    const open = T.endOf(children.LeftSquare[0]!);
    return (children.size ?? []).map((node): Size => {
      const rest = node.children.rest?.[0]?.children;
      if (!rest) return sum(node.children.sum?.[0], open, "[");
      const mark = rest.Rest[0]!;
      const token = rest.Name?.[0];
      const whole = span(mark.startOffset, T.endOf(token ?? mark));
      return { kind: "run", ...(token && { name: name(token, open) }), span: whole };
    });
  }

  function bodyOf(node: BodyCstNode | undefined, at: number): Body {
    const block = node?.children.block?.[0];
    return block ? blockOf(block) : expression(node?.children.expression?.[0], endOfFirst(node?.children.Is, at));
  }

  // ---- Statements ----

  function blockOf({ children }: BlockCstNode): Block {
    const statements = (children.statement ?? []).map(statementOf);
    const open = children.LeftBrace[0]!;
    const end = endOfFirst(children.RightBrace, statements.at(-1)?.span.end ?? T.endOf(open));
    return { kind: "block", statements, span: span(open.startOffset, end) };
  }

  function statementOf(node: StatementCstNode): Stmt {
    const { Begin, End, slot, loop, binding, update, expression: value } = node.children;
    const start = Begin[0]!.startOffset;
    const whole = span(start, endOfFirst(End, lastEnd(node, start)));
    const lost = (): Stmt => lostStatement(whole);
    const valueAfter = (
      mark: readonly IToken[] | undefined,
      nodes: Parameters<typeof expression>[0][] | undefined,
    ): Expr => expression(nodes?.[0], endOfFirst(mark, whole.end));
    if (slot) {
      const { keyword, Name, Colon, type, Is, expression: init } = slot[0]!.children;
      if (!Name?.[0]) return lost();
      const declared = typeOf(type?.[0], endOfFirst(Colon, whole.end));
      return {
        kind: keyword![0]!.image as "param" | "state",
        name: name(Name[0], start),
        ...(declared && { type: declared }),
        init: valueAfter(Is, init),
        span: whole,
      };
    }
    if (loop) {
      const { Name, In, item: over, block } = loop[0]!.children;
      if (!Name?.[0] || !block?.[0]?.children.LeftBrace) return lost();
      const range = item(over?.[0], endOfFirst(In, whole.end));
      return { kind: "for", name: name(Name[0], start), over: range, body: blockOf(block[0]), span: whole };
    }
    if (binding) {
      const { Name, Is, expression: bound } = binding[0]!.children;
      if (!Name?.[0]) return lost();
      const names = Name.map((token) => name(token, start));
      return { kind: "bind", names, value: valueAfter(Is, bound), span: whole };
    }
    if (update) {
      const { Name, Update, expression: next } = update[0]!.children;
      if (!Name?.[0]) return lost();
      return { kind: "update", name: name(Name[0], start), value: valueAfter(Update, next), span: whole };
    }
    return value && End ? { kind: "expr", value: expression(value[0], start), span: whole } : lost();
  }

  /** A statement that could not be read. What it was to bind is bound, so that its uses are no further mistakes. */
  function lostStatement(whole: Span): Stmt {
    const value: Expr = { kind: "error", span: whole };
    const binds = /(?:(?:fn|let|var|const|def)\s+([A-Za-z_]\w*)|([A-Za-z_]\w*)\s*:)/dy;
    binds.lastIndex = whole.start;
    const { indices } = binds.exec(source.text) ?? {};
    const bound = indices?.[1] ?? indices?.[2];
    if (!bound) return { kind: "expr", value, span: whole };
    const place = span(...bound);
    return { kind: "bind", names: [{ text: textOf(place), span: place }], value, span: whole };
  }

  const decls = (cst.children.declaration ?? []).map(declarationOf).filter((decl) => decl !== undefined);
  return { decls, span: span(0, source.text.length), comments };
}

/** The end of the last token of a tree that recovery cut short. */
function lastEnd(node: CstNode, start: number): number {
  let end = start;
  const open: CstNode[] = [node];
  for (let next = open.pop(); next; next = open.pop()) {
    for (const children of Object.values(next.children)) {
      for (const child of children) {
        if ("children" in child) open.push(child);
        else end = Math.max(end, T.endOf(child));
      }
    }
  }
  return end;
}

/** The comment lines right above a line, without `#`, by that line's number. */
function docsByLine(source: Source, comments: Comments): ReadonlyMap<number, string> {
  const docs = new Map<number, string>();
  let lines: string[] = [];
  let next = 0;
  const finish = (): void => {
    if (lines.length > 0) docs.set(next, lines.join("\n"));
    lines = [];
  };
  for (const comment of comments) {
    if (!startsLine(source, comment.span.start)) continue;
    const { line } = positionAt(source, comment.span.start);
    if (line !== next) finish();
    lines.push(comment.text.replace(/^# ?/, "").trimEnd());
    next = line + 1;
  }
  finish();
  return docs;
}

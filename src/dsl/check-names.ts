// Checks the names in every body of the user's files, called or not: unknown names, second bindings, sizes, cycles of
// calls. After it an unknown name is silent, so that one mistake is told once. Depth is bounded by the parser.
import { diagnose, type Reporter } from "../base/diagnostic.ts";
import { names } from "../base/diagnostics/names.ts";
import { types } from "../base/diagnostics/types.ts";
import type { Span } from "../base/span.ts";
import { textOf } from "../base/span.ts";
import { suggest } from "../base/suggest.ts";
import type { Block, Body, Branch, Decl, Expr, Item, Name, Param, Result, Size, Stmt, Type } from "./ast.ts";
import { checkCycles } from "./check-cycles.ts";
import { dtypes } from "./elaborate/builtin.ts";
import { builtins } from "./elaborate/builtins.ts";
import { specialNames } from "./elaborate/special-names.ts";
import { candidates, type FileScope, lookUp, type NamedDecl } from "./resolve.ts";
import { visitAll } from "./walk.ts";

type Kind = "body" | "round" | "side";

interface Scope {
  readonly kind: Kind;
  readonly names: Map<string, { readonly span: Span; readonly updatable: boolean }>;
  readonly outer?: Scope;
}

/** Words a reader of other languages would try, and what this language says. */
const foreign: Readonly<Record<string, string>> = {
  matmul: "a @ b",
  dot: "a @ b",
  maximum: "max(a, b)",
  minimum: "min(a, b)",
  pow: "x ** k",
  cat: "concat",
  permute: "transpose",
  True: "true",
  False: "false",
  None: "a default value",
  range: "0:n",
  print: "nnc inspect",
};

/** Reports what is wrong with the names of a file; gives the declarations that reach themselves, which are not expanded. */
type Report = Pick<Reporter, "add">;

export function checkNames(scope: FileScope, reporter: Report): ReadonlySet<NamedDecl> {
  for (const decl of scope.decls) new Checker(scope, decl, reporter).declaration(decl);
  return checkCycles(scope, reporter);
}

class Checker {
  private readonly file: FileScope;
  private readonly reporter: Report;
  /** N is named in `model`, `loss` and `metric` only. */
  private readonly knowsRows: boolean;
  private locals: Scope = { kind: "body", names: new Map() };

  constructor(file: FileScope, decl: Decl, reporter: Report) {
    this.file = file;
    this.reporter = reporter;
    this.knowsRows = decl.kind === "model" || decl.kind === "loss" || decl.kind === "metric";
  }

  declaration(decl: Decl): void {
    switch (decl.kind) {
      case "import":
        return;
      case "dim":
      case "hyper":
      case "binding":
        this.expression(decl.value);
        return;
      case "train":
        for (const entry of decl.entries) {
          // The source of the data is no function of the language.
          if (entry.path[0]?.text === "data" && entry.value.kind === "call") this.args(entry.value.args);
          else if (!(entry.path[0]?.text === "data" && entry.value.kind === "name")) this.expression(entry.value);
        }
        return;
      default:
        this.signature(decl.params, decl.kind === "fn" || decl.kind === "optimizer", decl.kind === "optimizer");
        if ("results" in decl) this.results(decl.results ?? []);
        if (decl.body) this.body(decl.body);
    }
  }

  private signature(params: readonly Param[], infers: boolean, optimizer: boolean): void {
    const lone = new Set<string>();
    if (infers) {
      for (const { type } of params) {
        for (const size of type?.kind === "tensor" ? type.sizes : []) if (size.kind === "name") lone.add(size.name);
      }
    }
    const solved = (name: string): boolean => lone.has(name);
    const inferred = new Map<string, Span>();
    for (const [i, param] of params.entries()) {
      const known = this.locals.names.get(param.name.text);
      if (known) this.twice(param.name, known.span);
      if (param.type) this.type(param.type, infers ? solved : undefined, inferred);
      for (const [name, span] of inferred) {
        if (!this.locals.names.has(name)) this.locals.names.set(name, { span, updatable: false });
      }
      if (param.default) this.expression(param.default);
      this.locals.names.set(param.name.text, { span: param.name.span, updatable: optimizer && i === 0 });
    }
  }

  private results(results: readonly Result[]): void {
    for (const { type } of results) this.type(type);
  }

  private body(body: Body): void {
    if (body.kind === "block") this.statements(body);
    else this.expression(body);
  }

  private statements(block: Block): void {
    for (const statement of block.statements) this.statement(statement);
  }

  private inside(kind: Kind, work: () => void): void {
    this.locals = { kind, names: new Map(), outer: this.locals };
    work();
    this.locals = this.locals.outer!;
  }

  private statement(statement: Stmt): void {
    switch (statement.kind) {
      case "param":
      case "state":
        if (statement.type) this.type(statement.type);
        this.expression(statement.init);
        this.declare(statement.name, statement.kind === "state", false);
        return;
      case "for":
        this.item(statement.over);
        this.inside("round", () => {
          this.declare(statement.name, false, false);
          this.statements(statement.body);
        });
        return;
      case "bind":
        this.expression(statement.value);
        for (const name of statement.names) this.declare(name, false, true);
        return;
      case "update": {
        this.expression(statement.value);
        const found = this.find(statement.name.text);
        if (!found) this.unknown(statement.name.text, statement.name.span);
        else if (!found.updatable) {
          this.reporter.add(diagnose(names, "name/no-state", statement.name.span, { name: statement.name.text }));
        }
        return;
      }
      case "expr":
        this.expression(statement.value);
    }
  }

  /** Binds a name: once in a body, except that a round of a `for` may rebind what is bound outside it. */
  private declare(name: Name, updatable: boolean, mayRebind: boolean): void {
    const entry = { span: name.span, updatable };
    const here = this.locals.names.get(name.text);
    if (here) {
      this.twice(name, here.span);
      return;
    }
    // A side of an `if` is an expression: it rebinds nothing outside itself.
    let rebinds = mayRebind && this.locals.kind === "round";
    for (let at = this.locals.outer; at; at = at.outer) {
      const known = at.names.get(name.text);
      if (known && rebinds) return;
      if (known) {
        this.twice(name, known.span);
        return;
      }
      if (at.kind === "side") rebinds = false;
    }
    this.locals.names.set(name.text, entry);
  }

  private twice(name: Name, first: Span): void {
    const notes = [{ message: `\`${name.text}\` is bound here first`, span: first }];
    this.reporter.add(diagnose(names, "name/bound-twice", name.span, { name: name.text }, notes));
  }

  private find(name: string): { readonly span: Span; readonly updatable: boolean } | undefined {
    for (let at: Scope | undefined = this.locals; at; at = at.outer) {
      const found = at.names.get(name);
      if (found) return found;
    }
    return undefined;
  }

  /** `solved` says which names a signature infers; they are collected in `inferred`. */
  private type(type: Type, solved?: (name: string) => boolean, inferred?: Map<string, Span>): void {
    if (type.kind === "shapeof") {
      if (type.fn.text !== "shape") {
        this.reporter.add(diagnose(names, "name/type-function", type.fn.span, { name: type.fn.text }));
      } else this.name(type.of.text, type.of.span);
      return;
    }
    if (type.dtype && type.dtype.text !== "class" && !dtypes.some((dtype) => dtype === type.dtype!.text)) {
      const known = [...dtypes, "class"];
      const suggestion = suggest(type.dtype.text, known);
      this.reporter.add(diagnose(types, "type/unknown-dtype", type.dtype.span, { name: type.dtype.text, suggestion }));
    }
    const runs = type.sizes.filter((size) => size.kind === "run");
    if (runs.length > 1) this.reporter.add(diagnose(names, "name/two-runs", runs[1]!.span, {}));
    for (const size of type.sizes) this.size(size, solved, inferred);
    if (type.bound) this.expression(type.bound);
  }

  private size(size: Size, solved?: (name: string) => boolean, inferred?: Map<string, Span>): void {
    if (size.kind === "run") return;
    visitAll(size, (node) => {
      if (node.kind !== "name" || this.find(node.name)) return;
      const global = lookUp(this.file, node.name);
      if (global?.kind === "decl" && global.decl.kind === "dim") return;
      if (solved && inferred && node.name !== "N") {
        if (!solved(node.name) && !inferred.has(node.name)) {
          const facts = { name: node.name, size: textOf(size.span) };
          this.reporter.add(diagnose(names, "name/size-unsolved", node.span, facts));
        }
        inferred.set(node.name, inferred.get(node.name) ?? node.span);
        return;
      }
      if (global || specialNames.has(node.name) || builtins.has(node.name)) this.name(node.name, node.span);
      else {
        const suggestion = suggest(node.name, this.visible());
        this.reporter.add(diagnose(names, "name/unknown-size", node.span, { name: node.name, suggestion }));
      }
    });
  }

  private expression(expr: Expr): void {
    switch (expr.kind) {
      case "name":
        this.name(expr.name, expr.span);
        return;
      case "list":
        for (const item of expr.items) this.item(item);
        return;
      case "if":
        this.expression(expr.condition);
        this.branch(expr.then);
        this.branch(expr.else);
        return;
      case "pipe":
        this.expression(expr.first);
        for (const stage of expr.stages) this.expression(stage);
        return;
      case "chain":
        this.expression(expr.first);
        for (const { value } of expr.rest) this.expression(value);
        return;
      case "compare":
        this.expression(expr.left);
        this.expression(expr.right);
        return;
      case "unary":
        this.expression(expr.value);
        return;
      case "power":
        this.expression(expr.base);
        this.expression(expr.exponent);
        return;
      case "call":
        this.expression(expr.callee);
        this.args(expr.args);
        this.gradTarget(expr);
        return;
      case "index":
        this.expression(expr.value);
        for (const item of expr.items) this.item(item);
        return;
      case "member":
        this.expression(expr.value);
        return;
      default:
        return;
    }
  }

  private args(args: Extract<Expr, { kind: "call" }>["args"]): void {
    for (const { value } of args) if (value.kind !== "hole") this.item(value);
  }

  /** `grad` asks about bindings: the second argument is a name, or a list of names. */
  private gradTarget(call: Extract<Expr, { kind: "call" }>): void {
    if (call.callee.kind !== "name" || call.callee.name !== "grad" || this.find("grad")) return;
    const target = (call.args.find(({ name }) => name?.text === "v") ?? call.args[1])?.value;
    if (!target || target.kind === "hole" || target.kind === "name" || target.kind === "error") return;
    if (target.kind === "list" && target.items.every((item) => item.kind === "name")) return;
    const facts = { text: textOf(target.span), got: "an expression" };
    this.reporter.add(diagnose(types, "type/grad-target", target.span, facts));
  }

  private branch(branch: Branch): void {
    if (branch.kind === "block") this.inside("side", () => this.statements(branch));
    else this.expression(branch);
  }

  private item(item: Item): void {
    if (item.kind === "rest") return;
    if (item.kind !== "range") {
      this.expression(item);
      return;
    }
    if (item.from) this.expression(item.from);
    if (item.to) this.expression(item.to);
  }

  private name(name: string, span: Span): void {
    if (this.find(name)) return;
    if (name === "N" && !this.knowsRows && !lookUp(this.file, name)) {
      this.reporter.add(diagnose(names, "name/rows-in-function", span, {}));
      return;
    }
    if (lookUp(this.file, name) || specialNames.has(name) || builtins.has(name)) return;
    this.unknown(name, span);
  }

  private unknown(name: string, span: Span): void {
    const other = Object.hasOwn(foreign, name) ? foreign[name] : undefined;
    const suggestion = other ? undefined : suggest(name, this.visible());
    this.reporter.add(diagnose(names, "name/unknown", span, { name, suggestion, other }));
  }

  private visible(): string[] {
    const found: string[] = [];
    for (let at: Scope | undefined = this.locals; at; at = at.outer) found.push(...at.names.keys());
    return [...found, ...candidates(this.file), ...builtins.keys(), ...specialNames.keys()];
  }
}

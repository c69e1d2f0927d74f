// The syntax tree as text, for `nnc inspect --stage ast`: the language with every grouping written out, so that
// precedence can be seen. Parsing the text gives the tree again.
import type { Arg, Block, Body, Decl, Expr, File, Item, Param, Result, Size, Stmt, Type } from "./ast.ts";

export function printAst(file: File): string {
  return file.decls.map((decl) => `${docText(decl)}${declText(decl)}\n`).join("\n");
}

const docText = ({ doc }: Decl): string =>
  doc === undefined
    ? ""
    : doc
        .split("\n")
        .map((line) => `# ${line}`.trimEnd())
        .join("\n")
        .concat("\n");

function declText(decl: Decl): string {
  switch (decl.kind) {
    case "import":
      return `import ${JSON.stringify(decl.path)}${decl.as ? ` as ${decl.as.text}` : ""}`;
    case "dim":
    case "hyper":
      return `${decl.kind} ${decl.name.text} = ${exprText(decl.value, "")}`;
    case "binding":
      return `${decl.name.text} = ${exprText(decl.value, "")}`;
    case "fn":
    case "model":
    case "optimizer": {
      const results = decl.results ? ` -> ${resultsText(decl.results)}` : "";
      return `${decl.kind} ${decl.name.text}${paramsText(decl.params)}${results}${bodyText(decl.body)}`;
    }
    case "loss":
      return `loss${paramsText(decl.params)}${bodyText(decl.body)}`;
    case "metric":
      return `metric ${decl.name.text}${paramsText(decl.params)}${decl.body ? bodyText(decl.body) : ""}`;
    case "train": {
      const entries = decl.entries.map(
        ({ path, value }) => `  ${path.map(({ text }) => text).join(".")} = ${exprText(value, "  ")}\n`,
      );
      return `train {\n${entries.join("")}}`;
    }
  }
}

const paramsText = (params: readonly Param[]): string =>
  `(${params
    .map(({ name, type, default: value }) => {
      const declared = type ? `: ${typeText(type)}` : "";
      return `${name.text}${declared}${value ? ` = ${exprText(value, "")}` : ""}`;
    })
    .join(", ")})`;

function resultsText(results: readonly Result[]): string {
  const texts = results.map(({ name, type }) => `${name ? `${name.text}: ` : ""}${typeText(type)}`);
  return results.length === 1 && !results[0]!.name ? texts[0]! : `(${texts.join(", ")})`;
}

function typeText(type: Type): string {
  if (type.kind === "shapeof") return `${type.fn.text}(${type.of.text})`;
  const bound = type.bound ? ` < ${exprText(type.bound, "")}` : "";
  return `${type.dtype?.text ?? ""}[${type.sizes.map(sizeText).join(", ")}]${bound}`;
}

const sizeText = (size: Size): string => (size.kind === "run" ? `..${size.name?.text ?? ""}` : exprText(size, ""));

const bodyText = (body: Body): string =>
  body.kind === "block" ? ` ${blockText(body, "")}` : ` = ${exprText(body, "")}`;

function blockText({ statements }: Block, margin: string): string {
  if (statements.length === 0) return "{}";
  const inner = `${margin}  `;
  return `{\n${statements.map((statement) => `${inner}${stmtText(statement, inner)}\n`).join("")}${margin}}`;
}

function stmtText(stmt: Stmt, margin: string): string {
  switch (stmt.kind) {
    case "param":
    case "state": {
      const type = stmt.type ? `: ${typeText(stmt.type)}` : "";
      return `${stmt.kind} ${stmt.name.text}${type} = ${exprText(stmt.init, margin)}`;
    }
    case "for":
      return `for ${stmt.name.text} in ${itemText(stmt.over, margin)} ${blockText(stmt.body, margin)}`;
    case "bind":
      return `${stmt.names.map(({ text }) => text).join(", ")} = ${exprText(stmt.value, margin)}`;
    case "update":
      return `${stmt.name.text} <- ${exprText(stmt.value, margin)}`;
    case "expr":
      return exprText(stmt.value, margin);
  }
}

/** An expression with every grouping in parentheses; `margin` is for the blocks in it. */
export function exprText(expr: Expr, margin = ""): string {
  switch (expr.kind) {
    case "number":
      return String(expr.value);
    case "string":
      return JSON.stringify(expr.value);
    case "bool":
      return String(expr.value);
    case "name":
      return expr.name;
    case "list":
      return `[${expr.items.map((item) => itemText(item, margin)).join(", ")}]`;
    case "if": {
      const side = (branch: Block | Expr): string =>
        branch.kind === "block" ? blockText(branch, margin) : exprText(branch, margin);
      return `(if ${exprText(expr.condition, margin)} then ${side(expr.then)} else ${side(expr.else)})`;
    }
    case "pipe":
      return `(${[expr.first, ...expr.stages].map((stage) => exprText(stage, margin)).join(" |> ")})`;
    case "chain": {
      const links = expr.rest.map(({ op, value }) => ` ${op} ${exprText(value, margin)}`);
      return `(${exprText(expr.first, margin)}${links.join("")})`;
    }
    case "compare":
      return `(${exprText(expr.left, margin)} ${expr.op} ${exprText(expr.right, margin)})`;
    case "unary":
      return `(${expr.op === "not" ? "not " : "-"}${exprText(expr.value, margin)})`;
    case "power":
      return `(${exprText(expr.base, margin)} ** ${exprText(expr.exponent, margin)})`;
    case "call":
      return `${exprText(expr.callee, margin)}(${expr.args.map((arg) => argText(arg, margin)).join(", ")})`;
    case "index":
      return `${exprText(expr.value, margin)}[${expr.items.map((item) => itemText(item, margin)).join(", ")}]`;
    case "member": {
      const value = exprText(expr.value, margin);
      return `${expr.value.kind === "number" ? `(${value})` : value}.${expr.name.text}`;
    }
    case "error":
      return "<unreadable>";
  }
}

function argText({ name, value }: Arg, margin: string): string {
  const text = value.kind === "hole" ? "_" : itemText(value, margin);
  return name ? `${name.text} = ${text}` : text;
}

function itemText(item: Item, margin: string): string {
  if (item.kind === "rest") return `..${item.name?.text ?? ""}`;
  if (item.kind !== "range") return exprText(item, margin);
  const from = item.from ? exprText(item.from, margin) : "";
  return `${from}:${item.to ? exprText(item.to, margin) : ""}`;
}

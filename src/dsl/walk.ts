// The parts of a syntax node, in order: what analyses that need no scopes are made of.
import type { Block, Body, Branch, Decl, Expr, Item, Size, Stmt, Type } from "./ast.ts";

type Node = Expr | Stmt | Type | Block | Item | Size;

const typeParts = (type: Type | undefined): Node[] =>
  type?.kind === "tensor" ? [...type.sizes, ...(type.bound ? [type.bound] : [])] : [];

/** Direct parts of a node. */
function partsOf(node: Node | Branch): readonly Node[] {
  switch (node.kind) {
    case "number":
    case "string":
    case "bool":
    case "name":
    case "error":
    case "rest":
    case "run":
    case "shapeof":
      return [];
    case "list":
      return node.items;
    case "if":
      return [node.condition, node.then, node.else];
    case "pipe":
      return [node.first, ...node.stages];
    case "chain":
      return [node.first, ...node.rest.map((item) => item.value)];
    case "compare":
      return [node.left, node.right];
    case "unary":
      return [node.value];
    case "power":
      return [node.base, node.exponent];
    case "call":
      return [node.callee, ...node.args.flatMap(({ value }) => (value.kind === "hole" ? [] : [value]))];
    case "index":
      return [node.value, ...node.items];
    case "member":
      return [node.value];
    case "range":
      return [...(node.from ? [node.from] : []), ...(node.to ? [node.to] : [])];
    case "param":
    case "state":
      return [...typeParts(node.type), node.init];
    case "for":
      return [node.over, node.body];
    case "bind":
    case "update":
    case "expr":
      return [node.value];
    case "block":
      return node.statements;
    case "tensor":
      return typeParts(node);
  }
}

/** Calls `visit` with every node below and including `root`, parents first. */
export function visitAll(root: Node | Branch, visit: (node: Node | Branch) => void): void {
  const work: (Node | Branch)[] = [root];
  for (let node = work.pop(); node; node = work.pop()) {
    visit(node);
    const parts = partsOf(node);
    for (let i = parts.length - 1; i >= 0; i--) work.push(parts[i]!);
  }
}

/** Everything a declaration is made of that is evaluated. */
export function rootsOf(decl: Decl): (Node | Branch)[] {
  switch (decl.kind) {
    case "import":
      return [];
    case "dim":
    case "hyper":
    case "binding":
      return [decl.value];
    case "train":
      return decl.entries.map((entry) => entry.value);
    default: {
      const params = decl.params.flatMap((p) => [...typeParts(p.type), ...(p.default ? [p.default] : [])]);
      const results = "results" in decl ? (decl.results ?? []).flatMap((r) => typeParts(r.type)) : [];
      return [...params, ...results, ...(decl.body ? [decl.body] : [])];
    }
  }
}

const targets = new WeakMap<Body, ReadonlySet<string>>();

/** The names by which a body differentiates: `grad(e, v)`, `grad(e, [v, w])`. */
export function gradTargetsOf(body: Body): ReadonlySet<string> {
  const known = targets.get(body);
  if (known) return known;
  const names = new Set<string>();
  visitAll(body, (node) => {
    if (node.kind !== "call" || node.callee.kind !== "name" || node.callee.name !== "grad") return;
    for (const name of gradNames(node.args[1]?.value ?? node)) names.add(name);
  });
  targets.set(body, names);
  return names;
}

/** The names in the second argument of `grad`, or an empty list where it is neither a name nor a list of them. */
function gradNames(value: Node | Branch | { readonly kind: "hole" }): string[] {
  if (value.kind === "name") return [value.name];
  if (value.kind !== "list") return [];
  return value.items.flatMap((item) => (item.kind === "name" ? [item.name] : []));
}

// Finds functions that reach themselves: calls are expanded, so there is no recursion.
import { diagnose, type Note, type Reporter } from "../base/diagnostic.ts";
import { names } from "../base/diagnostics/names.ts";
import type { FileScope, NamedDecl } from "./resolve.ts";
import { rootsOf, visitAll } from "./walk.ts";

/** Reports each cycle once; gives the declarations in it, which are not expanded. */
export function checkCycles(scope: FileScope, reporter: Pick<Reporter, "add">): ReadonlySet<NamedDecl> {
  const endless = new Set<NamedDecl>();
  const done = new Set<NamedDecl>();
  const next = (decl: NamedDecl): NamedDecl[] => {
    const own = new Set("params" in decl ? decl.params.map((param) => param.name.text) : []);
    // A size of the signature is inferred, whatever else has its name; only a `dim` is meant, and that calls nothing.
    for (const { type } of "params" in decl ? decl.params : []) {
      for (const size of type?.kind === "tensor" ? type.sizes : []) if (size.kind === "name") own.add(size.name);
    }
    const found: NamedDecl[] = [];
    for (const root of rootsOf(decl)) {
      visitAll(root, (node) => {
        if (node.kind === "bind") for (const { text } of node.names) own.add(text);
        if (node.kind !== "name" || own.has(node.name)) return;
        const global = scope.names.get(node.name);
        if (global?.kind === "decl") found.push(global.decl);
      });
    }
    return found;
  };
  for (const start of scope.decls) {
    if (!("name" in start) || start.kind === "metric" || done.has(start)) continue;
    const path = new Set<NamedDecl>();
    const work: { readonly decl: NamedDecl; readonly rest: NamedDecl[] }[] = [];
    const enter = (decl: NamedDecl): void => {
      done.add(decl);
      path.add(decl);
      work.push({ decl, rest: next(decl) });
    };
    enter(start);
    for (let top = work.at(-1); top; top = work.at(-1)) {
      const decl = top.rest.shift();
      if (!decl) {
        work.pop();
        path.delete(top.decl);
      } else if (path.has(decl)) {
        const open = [...path];
        const cycle = [...open.slice(open.indexOf(decl)), decl];
        for (const part of cycle) endless.add(part);
        const notes: Note[] = cycle
          .slice(1, -1)
          .map((d) => ({ message: `\`${d.name.text}\` is part of it`, span: d.name.span }));
        const text = cycle.map((d) => d.name.text).join(" -> ");
        reporter.add(diagnose(names, "name/recursion", decl.name.span, { name: decl.name.text, cycle: text }, notes));
      } else if (!done.has(decl)) enter(decl);
    }
  }
  return endless;
}

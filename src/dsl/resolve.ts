// Names of files: what each declares, imports and finds in the library. Bodies are checked in check-names.ts.
import { type Diagnostic, diagnose, type Reporter } from "../base/diagnostic.ts";
import { limits } from "../base/diagnostics/limits.ts";
import { names } from "../base/diagnostics/names.ts";
import type { Source, Span } from "../base/span.ts";
import type { Decl, File } from "./ast.ts";
import { defaultLimits, type ParseLimits, parse } from "./parse.ts";
import { libraryNames, librarySource } from "./std.ts";

export type NamedDecl = Extract<Decl, { kind: "dim" | "hyper" | "binding" | "fn" | "model" | "optimizer" }>;

export type Global =
  | { readonly kind: "decl"; readonly decl: NamedDecl; readonly scope: FileScope }
  | { readonly kind: "namespace"; readonly name: string; readonly scope: FileScope; readonly span: Span };

export interface FileScope {
  readonly source: Source;
  readonly library: boolean;
  /** Its own declarations and the aliases of its imports. */
  readonly names: Map<string, Global>;
  /** Names it takes over from files imported without an alias. */
  readonly imported: Map<string, Global>;
  readonly decls: readonly Decl[];
  /** Names declared twice: reported, and then worth nothing. */
  readonly ambiguous: Set<string>;
}

/** Files that import files that import files. */
const importLimit = 100;

export const isNamed = (decl: Decl): decl is NamedDecl =>
  decl.kind !== "import" && decl.kind !== "loss" && decl.kind !== "metric" && decl.kind !== "train";

const spanOf = (global: Global): Span => (global.kind === "decl" ? global.decl.name.span : global.span);

const libraryScopes = new Map<string, FileScope>();

/** The library file that declares `name`: parsed when it is first needed, and once. */
function libraryGlobal(name: string): Global | undefined {
  const source = librarySource(name);
  if (!source) return undefined;
  let scope = libraryScopes.get(source.path);
  if (!scope) {
    const { file } = parse(source);
    scope = { source, library: true, names: new Map(), imported: new Map(), decls: file.decls, ambiguous: new Set() };
    for (const decl of file.decls) if (isNamed(decl)) scope.names.set(decl.name.text, { kind: "decl", decl, scope });
    libraryScopes.set(source.path, scope);
  }
  return scope.names.get(name);
}

/** What a name means at the top level of a file: its own, then imported, then the library's. */
export const lookUp = (scope: FileScope, name: string): Global | undefined =>
  scope.names.get(name) ?? scope.imported.get(name) ?? libraryGlobal(name);

/** All names that could stand there, for "did you mean". */
export const candidates = (scope: FileScope): string[] => [
  ...scope.names.keys(),
  ...scope.imported.keys(),
  ...libraryNames(),
];

export type ImportFile = (path: string, from: Span) => Source | Diagnostic;

/** The scope of a file of so many tokens and of all it imports, each parsed once; clashes and cycles are reported. */
export function resolve(
  file: File,
  importFile: ImportFile | undefined,
  reporter: Reporter,
  parseLimits: ParseLimits = defaultLimits,
  tokens = 0,
): FileScope {
  let read = tokens;
  const scopes = new Map<string, FileScope>();
  const open: string[] = [];

  function scopeOf(file: File): FileScope {
    const scope: FileScope = {
      source: file.span.source,
      library: false,
      names: new Map(),
      imported: new Map(),
      decls: file.decls,
      ambiguous: new Set(),
    };
    scopes.set(scope.source.path, scope);
    open.push(scope.source.path);
    for (const decl of file.decls) {
      if (isNamed(decl)) declare(scope, decl.name.text, { kind: "decl", decl, scope });
      else if (decl.kind === "import") importInto(scope, decl);
    }
    for (const name of scope.names.keys()) {
      const other = scope.imported.get(name);
      if (other) clash(name, scope.names.get(name)!, other);
    }
    open.pop();
    return scope;
  }

  function declare(scope: FileScope, name: string, global: Global): void {
    const first = scope.names.get(name);
    if (!first) {
      scope.names.set(name, global);
      return;
    }
    scope.ambiguous.add(name);
    const notes = [{ message: `\`${name}\` is declared here first`, span: spanOf(first) }];
    reporter.add(diagnose(names, "name/duplicate", spanOf(global), { name }, notes));
  }

  function clash(name: string, here: Global, other: Global): void {
    here.scope.ambiguous.add(name);
    const path = other.scope.source.path;
    const notes = [{ message: `\`${name}\` of ${path}`, span: spanOf(other) }];
    reporter.add(diagnose(names, "name/import-clash", spanOf(here), { name, path }, notes));
  }

  function importInto(scope: FileScope, decl: Extract<Decl, { kind: "import" }>): void {
    const source = importFile?.(decl.path, decl.pathSpan);
    if (!source || "code" in source) {
      const problem = { path: decl.path };
      reporter.add(source ?? diagnose(names, "name/no-imports", decl.pathSpan, problem));
      return;
    }
    if (open.includes(source.path)) {
      const cycle = [...open.slice(open.indexOf(source.path)), source.path].join(" -> ");
      reporter.add(diagnose(names, "name/import-cycle", decl.pathSpan, { cycle }));
      return;
    }
    if (open.length >= importLimit) {
      reporter.add(diagnose(limits, "limit/imports", decl.pathSpan, { limit: importLimit }));
      return;
    }
    let target = scopes.get(source.path);
    if (!target) {
      const parsed = parse(source, parseLimits, read);
      read += parsed.tokens;
      for (const diagnostic of parsed.diagnostics) reporter.add(diagnostic);
      target = scopeOf(parsed.file);
    }
    if (decl.as) {
      declare(scope, decl.as.text, { kind: "namespace", name: decl.as.text, scope: target, span: decl.as.span });
      return;
    }
    for (const [name, global] of target.names) {
      if (global.kind === "namespace") continue;
      const other = scope.imported.get(name);
      if (other && other.scope !== global.scope) {
        const notes = [{ message: `\`${name}\` of ${other.scope.source.path}`, span: spanOf(other) }];
        const path = other.scope.source.path;
        reporter.add(diagnose(names, "name/import-clash", decl.pathSpan, { name, path }, notes));
      } else scope.imported.set(name, global);
    }
  }

  return scopeOf(file);
}

/** Every file of the program that the user wrote, the main one first. */
export function userScopes(main: FileScope): FileScope[] {
  const found = new Set([main]);
  for (const scope of found) {
    for (const global of [...scope.names.values(), ...scope.imported.values()]) {
      if (!global.scope.library) found.add(global.scope);
    }
  }
  return [...found];
}

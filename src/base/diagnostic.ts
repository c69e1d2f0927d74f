// What the compiler tells its user: a code from the catalogue, a place, both facts, one next step.
import type { Span } from "./span.ts";

export type Severity = "error" | "warning" | "hint";

/** A second place that explains the first: where a size came from, the calls in between. */
export interface Note {
  readonly message: string;
  readonly span?: Span | undefined;
}

export interface Diagnostic {
  /** `phase/what`, stable: `nnc explain CODE` prints its page. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** One sentence saying what to change. */
  readonly help?: string | undefined;
  readonly span?: Span | undefined;
  readonly notes: readonly Note[];
}

/** One catalogue entry. `P` are the facts its text is made of, checked by the type checker at every use. */
export interface Entry<P> {
  readonly severity: Severity;
  message(facts: P): string;
  help?(facts: P): string | undefined;
  /** The page: why this is an error, and a whole small file that fails with it and one that is mended. */
  readonly page: { readonly explain: string; readonly bad?: string; readonly good?: string };
}

/** Declares an entry; the type argument names its facts. */
export const entry = <P>(definition: Entry<P>): Entry<P> => definition;

type FactsOf<E> = E extends Entry<infer P> ? P : never;

/** Longest message: what it quotes of a file may be of any length. */
const longest = 600;

const cut = (text: string): string =>
  text.length <= longest ? text : `${text.slice(0, longest / 2)} … ${text.slice(-longest / 2)}`;

const cutIfAny = (text: string | undefined): string | undefined => (text === undefined ? undefined : cut(text));

/** Messages that begin with what a fact is called, `a size of reshape`, are sentences too. */
const sentence = (text: string): string => text.replace(/^(?=(?:an?|the) )./, (first) => first.toUpperCase());

/** Makes a diagnostic from an entry. Entries are kept in `diagnostics/*.ts`, one object per phase, keyed by code. */
export function diagnose<C extends Record<string, Entry<never>>, K extends keyof C & string>(
  catalogue: C,
  code: K,
  span: Span | undefined,
  facts: FactsOf<C[K]>,
  notes: readonly Note[] = [],
): Diagnostic {
  const found = catalogue[code] as unknown as Entry<FactsOf<C[K]>>;
  return {
    code,
    severity: found.severity,
    message: cut(sentence(found.message(facts))),
    help: cutIfAny(found.help?.(facts)),
    span,
    notes,
  };
}

/** A mistake that is found where nothing is left to go on with. Thrown; printed by the CLI. */
export class Refusal extends Error {
  readonly diagnostic: Diagnostic;

  constructor(diagnostic: Diagnostic) {
    super(diagnostic.message);
    this.diagnostic = diagnostic;
  }
}

/** Collects diagnostics; phases add to it and go on. */
export class Reporter {
  readonly list: Diagnostic[] = [];

  add(diagnostic: Diagnostic): void {
    this.list.push(diagnostic);
  }

  get hasErrors(): boolean {
    return this.list.some((d) => d.severity === "error");
  }
}

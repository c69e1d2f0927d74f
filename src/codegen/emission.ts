// What differs between targets in the emitted file: memory, kernels, and how a program runs them. All else is the same text.
import type { Unit } from "./compile.ts";
import type { StatementDoc } from "./module-doc.ts";

export interface Emission {
  /** Statements before `create`; `types: false` for plain JavaScript. */
  top(types: boolean): StatementDoc[];
  /** Members of the type of `create`'s options. */
  readonly options: readonly string[];
  /** Makes `arena`, an ArrayBuffer. */
  readonly arena: readonly string[];
  /** Makes the Float64Array of all scalars. */
  readonly scalars: string;
  /** What stands behind the views of the arena. */
  readonly instance: readonly string[];
  /** Functions of `create` that all programs use. */
  readonly functions: readonly StatementDoc[];
  kernels(program: Unit["programs"][number]): StatementDoc[];
  /** Statements that run the kernels of a program on N rows. */
  calls(program: Unit["programs"][number]): string[];
  /** What a trainer has beside the members of every one. */
  readonly members: readonly { readonly docs: readonly string[]; readonly name: string; readonly type: string }[];
  /** Functions of the embedded helpers that are needed though no text calls them. */
  readonly helpers: readonly string[];
}

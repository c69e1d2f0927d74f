// What the page knows: the checked text, the last good program, the selection. Views listen; nobody else keeps state of these.
import { type Diagnostic, Refusal } from "../base/diagnostic.ts";
import type { Selection } from "./keys.ts";
import { type Checked, type Compiled, check, compileChecked, type PageModel } from "./program.ts";

type Topic = "checked" | "compiled" | "selection";

export class Store {
  readonly model: PageModel;
  readonly data: readonly (readonly [name: string, bytes: Uint8Array])[];
  checked: Checked;
  /** The last program without mistakes. */
  compiled: Compiled | undefined;
  /** Milliseconds that the last check took. */
  checkTime = 0;
  selection: Selection | undefined;
  private readonly listeners = new Map<Topic, (() => void)[]>();

  constructor(model: PageModel) {
    this.model = model;
    this.data = model.data.map(([name, text]) => [name, Uint8Array.from(atob(text), (c) => c.charCodeAt(0))]);
    this.checked = this.check(model.text);
  }

  on(topic: Topic, listener: () => void): void {
    this.listeners.set(topic, [...(this.listeners.get(topic) ?? []), listener]);
  }

  private tell(topic: Topic): void {
    for (const listener of this.listeners.get(topic) ?? []) listener();
  }

  private check(text: string): Checked {
    const begin = performance.now();
    const checked = check(this.model, text);
    this.checkTime = performance.now() - begin;
    return checked;
  }

  edit(text: string): void {
    this.checked = this.check(text);
    // Places have moved: what was chosen is no longer where it was.
    this.selection = undefined;
    this.tell("checked");
  }

  /** Whether what is shown belongs to an older text. */
  get isStale(): boolean {
    return this.compiled === undefined || this.compiled.source.text !== this.checked.source.text;
  }

  compile(): void {
    const { module } = this.checked;
    if (!module || !this.isStale) return;
    try {
      this.compiled = compileChecked(this.model, { ...this.checked, module });
    } catch (error) {
      // Past a limit, or a mistake of the compiler's own: the last good program goes on, and the page says why.
      this.checked = { ...this.checked, diagnostics: [...this.checked.diagnostics, refusalOf(error)] };
      this.tell("checked");
      return;
    }
    this.tell("compiled");
  }

  select(selection: Selection | undefined): void {
    this.selection = selection;
    this.tell("selection");
  }
}

function refusalOf(error: unknown): Diagnostic {
  if (error instanceof Refusal) return error.diagnostic;
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "internal",
    severity: "error",
    message: `nnc itself failed: ${message}`,
    help: "This is a mistake in nnc, not in your model. Please report it.",
    span: undefined,
    notes: [],
  };
}

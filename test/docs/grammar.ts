// Reads the grammar of docs/language.md, and makes random texts by it: what the page allows, the parser must accept.

export type Form =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "rule"; readonly name: string }
  | { readonly kind: "all"; readonly parts: readonly Form[] }
  | { readonly kind: "one"; readonly parts: readonly Form[] }
  | { readonly kind: "maybe"; readonly of: Form }
  | { readonly kind: "many"; readonly of: Form };

export type Grammar = ReadonlyMap<string, Form>;

const closing: ReadonlyMap<string, string> = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
]);

/** `name = form`, each rule from the start of a line. */
export function readGrammar(text: string): Grammar {
  const rules = text.split(/\n(?=\w)/).map((rule): [string, Form] => {
    const [, name, right] = /^(\w+)\s*=\s([\s\S]*)$/.exec(rule)!;
    const words = right!.match(/"[^"]*"|\w+|[()[\]{}|]/g)!;
    let at = 0;
    const alternatives = (close: string | undefined): Form => {
      const parts: Form[] = [];
      let sequence: Form[] = [];
      for (; words[at] !== close; at++) {
        const word = words[at]!;
        if (word === "|") {
          parts.push({ kind: "all", parts: sequence });
          sequence = [];
        } else if (closing.has(word)) {
          at++;
          const of = alternatives(closing.get(word)!);
          sequence.push(word === "(" ? of : { kind: word === "[" ? "maybe" : "many", of });
        } else if (word.startsWith('"')) sequence.push({ kind: "text", text: word.slice(1, -1) });
        else sequence.push({ kind: "rule", name: word });
      }
      parts.push({ kind: "all", parts: sequence });
      return parts.length === 1 ? parts[0]! : { kind: "one", parts };
    };
    return [name!, alternatives(undefined)];
  });
  return new Map(rules);
}

/** All that the rules quote: the words and marks of the language. */
export function quotedWords(grammar: Grammar): Set<string> {
  const found = new Set<string>();
  const open = [...grammar.values()];
  for (let form = open.pop(); form; form = open.pop()) {
    if (form.kind === "text") found.add(form.text);
    else if ("parts" in form) open.push(...form.parts);
    else if ("of" in form) open.push(form.of);
  }
  return found;
}

const leaves: ReadonlyMap<string, readonly string[]> = new Map([
  ["NAME", ["x", "f", "W2", "_h", "dim", "loss", "as", "constructor"]],
  ["NUMBER", ["0", "2.5", ".5", "1e-3", "50_000"]],
  ["STRING", ['"a.nn"', '""']],
  ["SEP", ["\n", ";"]],
]);

/** How deep the smallest text of each form is: what to choose when a text has grown long enough. */
function depths(grammar: Grammar): (form: Form) => number {
  const known = new Map<string, number>();
  const depth = (form: Form): number => {
    switch (form.kind) {
      case "text":
      case "maybe":
      case "many":
        return 0;
      case "rule":
        return leaves.has(form.name) ? 0 : (known.get(form.name) ?? Number.POSITIVE_INFINITY) + 1;
      case "all":
        return Math.max(0, ...form.parts.map(depth));
      case "one":
        return Math.min(...form.parts.map(depth));
    }
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const [name, form] of grammar) {
      const now = depth(form);
      changed ||= now !== (known.get(name) ?? Number.POSITIVE_INFINITY);
      known.set(name, now);
    }
  }
  return depth;
}

/** Texts of a rule, by a list of choices; when they are spent, the smallest way to the end is taken. */
export function textsOf(grammar: Grammar, rule: string): (choices: readonly number[]) => string {
  const depth = depths(grammar);
  return (choices) => {
    let spent = 0;
    const words: string[] = [];
    const choose = (count: number): number | undefined =>
      spent < choices.length ? choices[spent++]! % count : undefined;
    const write = (form: Form): void => {
      switch (form.kind) {
        case "text":
          words.push(form.text);
          return;
        case "rule": {
          const leaf = leaves.get(form.name);
          if (leaf) words.push(leaf[choose(leaf.length) ?? 0]!);
          else write(grammar.get(form.name)!);
          return;
        }
        case "all":
          for (const part of form.parts) write(part);
          return;
        case "one": {
          const smallest = form.parts.reduce((a, b) => (depth(b) < depth(a) ? b : a));
          const choice = choose(form.parts.length);
          write(choice === undefined ? smallest : form.parts[choice]!);
          return;
        }
        case "maybe":
          if (choose(2) === 1) write(form.of);
          return;
        case "many":
          for (let count = choose(4) ?? 0; count > 1; count--) write(form.of);
      }
    };
    write({ kind: "rule", name: rule });
    return words.join(" ").replaceAll(" \n ", "\n");
  };
}

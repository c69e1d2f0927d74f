// docs/library.md and the two tables at the end of docs/language.md: primitives from their records, the library from
// its files and their comments.
import { textOf } from "../../src/base/span.ts";
import { builtins } from "../../src/dsl/elaborate/builtins.ts";
import { parse } from "../../src/dsl/parse.ts";
import { library } from "../../src/dsl/std.ts";
import type { FnDecl } from "../../src/dsl/values.ts";

interface Documented {
  readonly name: string;
  /** `fn relu(x)`. */
  readonly signature: string;
  /** What it computes, without the example. */
  readonly text: string;
  /** A line of a model, an initialiser, or an entry of `train`. */
  readonly example: string;
}

interface Section {
  /** The file's name. */
  readonly title: string;
  /** Its first comment. */
  readonly about: string;
  readonly functions: readonly Documented[];
}

/** Every function and optimizer of the library by the file it stands in. */
export const librarySections = (): readonly Section[] =>
  library.map((source) => {
    const { file } = parse(source);
    const head = source.text.slice(0, source.text.indexOf("\n\n")).replaceAll(/^# ?/gm, "").replaceAll("\n", " ");
    const name = source.path.replace(/^std\/|\.nn$/g, "");
    const functions = file.decls.flatMap((decl) =>
      decl.kind === "fn" || decl.kind === "optimizer" ? [documented(decl)] : [],
    );
    return { title: name[0]!.toUpperCase() + name.slice(1), about: head, functions };
  });

function documented(decl: FnDecl): Documented {
  const whole = textOf(decl.span);
  const signature = whole.slice(0, decl.body.span.start - decl.span.start).replace(/\s*=?\s*$/, "");
  const [, text, example] = /^([\s\S]*)\nExample: `(.*)`\.$/.exec(decl.doc ?? "") ?? [];
  if (text === undefined || example === undefined) throw new Error(`${signature} has no example`);
  return { name: decl.name.text, signature, text: text.replaceAll("\n", " "), example };
}

export function libraryPage(): string {
  const sections = librarySections().map(({ title, about, functions }) => {
    const entries = functions.map(
      ({ signature, text, example }) => `### \`${signature}\`\n\n${text}\n\n\`\`\`nn\n${example}\n\`\`\`\n`,
    );
    return `## ${title}\n\n${about}\n\n${entries.join("\n")}`;
  });
  return `# The library

Written in the language itself, in \`src/dsl/std/\`, and shipped in the compiler. A file's own function of the same name takes its place in that file. The examples are lines of a model with \`x\` and \`target\` of [N, 8], \`images\` of [N, 3, 8, 8], \`sequence\` of [N, 6, 8], \`ids\` of [N, 6] and \`label\` of [N]; the test suite compiles them.

<!-- Made by \`npm run docs\` from the comments of src/dsl/std/. Do not edit. -->

${sections.join("\n")}`;
}

/** The reference with its tables filled in. */
export function languagePage(written: string): string {
  const primitives = [...builtins.values()].map(({ signature, summary }) => `| \`${signature}\` | ${summary} |`);
  const families = librarySections().map(({ title, functions }) => {
    const calls = functions.map(({ signature }) => `\`${signature.replace(/^(?:fn|optimizer) /, "")}\``);
    return `| ${title} | ${calls.join(" · ")} |`;
  });
  const page = fill(written, "primitives", ["| call | |", "|---|---|", ...primitives]);
  return fill(page, "library", ["| | |", "|---|---|", ...families]);
}

/** Replaces what stands between the comment that names a table and the next `end`. */
function fill(page: string, name: string, lines: readonly string[]): string {
  const place = new RegExp(`(<!-- ${name}: .*-->\\n)[\\s\\S]*?(<!-- end -->)`);
  if (!place.test(page)) throw new Error(`the page has no place for ${name}`);
  return page.replace(place, (_, open: string, end: string) => `${open}\n${lines.join("\n")}\n\n${end}`);
}

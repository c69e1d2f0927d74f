// What emitted files carry besides the model: parts of the Python files beside this one, each only where it is called.
import dataText from "./data.py";
import filesText from "./files.py";
import helpersText from "./helpers.py";
import trainingText from "./training.py";

interface Part {
  readonly name: string;
  readonly text: string;
}

/** Top-level functions, classes and tables; the first line of a file is about the file. */
const partsOf = (text: string): Part[] =>
  text
    .trim()
    .split(/\n\n\n|\n(?=[A-Z]+ = )/)
    .filter((part) => !part.startsWith("# "))
    .map((part) => ({ name: /^(?:def |class )?(\w+)/.exec(part)![1]!, text: part.trim() }));

const sections: readonly { readonly title: string; readonly parts: readonly Part[] }[] = [
  { title: "Functions that PyTorch has in another form", parts: partsOf(helpersText) },
  { title: "Data", parts: partsOf(dataText) },
  { title: "Files", parts: partsOf(filesText) },
  { title: "Training", parts: partsOf(trainingText) },
];

const all: ReadonlyMap<string, Part> = new Map(
  sections.flatMap(({ parts }) => parts.map((part) => [part.name, part] as const)),
);

/** Calls, functions that are handed on, and tables: not words of a sentence. */
const reads = (text: string, name: string): boolean =>
  new RegExp(/^[A-Z_]+$/.test(name) ? `\\b${name}\\b` : `(?<![.\\w])${name}(\\(|,|:\\n)`).test(text);

/** The last lines of a file, which start it. */
const entry = "if";

/** The parts of these names, with all that they and the training call, in the order of their files. */
export function libraryTexts(wanted: Iterable<string>): string[] {
  const needed = new Set<string>();
  const work = [entry, ...wanted];
  for (let name = work.pop(); name !== undefined; name = work.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    const { text } = all.get(name)!;
    for (const other of all.keys()) if (other !== name && reads(text, other)) work.push(other);
  }
  return sections.flatMap(({ title, parts }) => {
    const carried = parts.filter(({ name }) => needed.has(name));
    return carried.length === 0 ? [] : [`# ---- ${title} ----`, ...carried.map(({ text }) => text)];
  });
}

/** Python's own modules that carried parts may call. */
const modules = ["argparse", "csv", "gzip", "json", "math", "os", "socket", "sys", "time"];

/** `import` lines for what a text calls. */
export const imports = (text: string): string[] =>
  modules.filter((name) => new RegExp(`^[^#\\n]*\\b${name}\\.\\w`, "m").test(text)).map((name) => `import ${name}`);

// How a piece of a documentation page becomes a whole file: the rule that docs/language.md states in its last section.
import type { ElaborateOptions } from "../../src/dsl/elaborate.ts";

const inputs =
  "x: [N, 8], target: [N, 8], images: [N, 3, 8, 8], sequence: [N, 6, 8], ids: class[N, 6] < 50, label: class[N] < 8";
const model = (body: string): string => `model m(${inputs}) {\n${body}\n}\n`;
const trained = `${model("linear(x, 8)")}loss(out, label) = cross_entropy(out, label)\n`;

/** The file that a block stands for. */
export function wholeFile(block: string): string {
  if (/^model /m.test(block)) return block;
  if (/^(?:fn \w+\(|optimizer \w+\(|train \{)/m.test(block)) return `${block}\n${trained}`;
  return model(block);
}

/** The file for the example of a library function: an entry of `train`, a line of an optimizer, or a line of a model. */
export function exampleFile(line: string): string {
  if (line.startsWith("optimizer = ")) return wholeFile(`train { ${line} }`);
  if (line.startsWith("p <- ")) return wholeFile(`optimizer mine(p, g) { ${line} }\ntrain { optimizer = mine() }`);
  return wholeFile(/^param |^[a-z_, ]+ = /.test(line) ? `${line}\nx` : line);
}

/** What stands beside the files of the page: `layers.nn` as the page shows it, and the graph's matrix. */
export const surroundings = (files: ReadonlyMap<string, string>): ElaborateOptions => ({
  importFile(path) {
    const text = files.get(path);
    if (text === undefined) throw new Error(`the page shows no file ${path}`);
    return { path, text };
  },
  tensorFile: () => ({ dtype: "f32", shape: [34, 34] }),
});

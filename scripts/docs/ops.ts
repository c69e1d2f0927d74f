// docs/ops.md: what every op computes and how it is differentiated, from the op records.
import { opTable } from "../../src/ir/ops/table.ts";

export function opsPage(): string {
  // By name: how a bundler orders the exports of a module is its own affair.
  const records = [...opTable.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const entries = records.map(({ name, doc }) => {
    const { summary, math, derivative, example, conventions } = doc;
    const formulas = [math, derivative].join("\n");
    const about = conventions === undefined ? "" : `\n${conventions}\n`;
    return `## \`${name}\`\n\n${summary}\n\n\`\`\`text\n${formulas}\n\`\`\`\n${about}\nIn a model: \`${example}\`\n`;
  });
  return `# Ops

What graphs are made of. Each op is one record in \`src/ir/ops/\`: shape rule, derivative, loops, samples and this text. Model files reach most of them by operators and functions of the language; \`nnc inspect FILE --stage graph\` shows which.

<!-- Made by \`npm run docs\` from the op records. Do not edit. -->

${entries.join("\n")}`;
}

// docs/diagnostics.md: every diagnostic's page, from the catalogue.
import { allEntries } from "../../src/base/catalogue.ts";
import type { Entry } from "../../src/base/diagnostic.ts";

const phaseTitles = new Map<string, string>([
  ["syntax", "Reading the text"],
  ["name", "Names"],
  ["type", "Values and types"],
  ["shape", "Shapes"],
  ["model", "Declarations"],
  ["limit", "Limits"],
  ["file", "Files"],
  ["data", "Data"],
  ["params", "Parameter files"],
  ["train", "Training"],
  ["usage", "The command line"],
  ["eval", "`nnc eval`"],
]);

export function diagnosticsPage(): string {
  const phases = new Map<string, [string, Entry<never>][]>();
  for (const [code, entry] of allEntries()) {
    const phase = code.slice(0, code.indexOf("/"));
    phases.set(phase, [...(phases.get(phase) ?? []), [code, entry]]);
  }
  const sections = [...phases].map(
    ([phase, entries]) =>
      `## ${phaseTitles.get(phase) ?? phase}\n\n${entries.map(([code, entry]) => entryText(code, entry)).join("\n")}`,
  );
  return `# Diagnostics

Every error, warning and hint has a code, and a page here. \`nnc explain CODE\` prints the same page. The file that fails does so with this code, and the mended one is sound: the test suite runs both.

<!-- Made by \`npm run docs\` from src/base/diagnostics/. Do not edit. -->

${sections.join("\n")}`;
}

function entryText(code: string, { severity, page }: Entry<never>): string {
  const { explain, bad, good } = page;
  const example = (title: string, text: string | undefined): string =>
    text === undefined ? "" : `\n${title}\n\n\`\`\`nn\n${text.trim()}\n\`\`\`\n`;
  return `### \`${code}\`\n\n${severity === "error" ? "" : `*A ${severity}.* `}${explain}\n${example("This fails:", bad)}${example("This is mended:", good)}`;
}

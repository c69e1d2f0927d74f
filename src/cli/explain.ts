// `nnc explain`: the page of a diagnostic, from the catalogue.
import { Command } from "commander";
import type { Entry } from "../base/diagnostic.ts";
import { closest, suggest } from "../base/suggest.ts";
import { quoted, UserError } from "../runtime/user-error.ts";
import { type Cli, exit } from "./cli.ts";
import { examples } from "./options.ts";
import { tableText } from "./table.ts";

export const explainCommand = (cli: Cli, done: (code: number) => void): Command =>
  new Command("explain")
    .description("Explains a code that an error or warning carries; without one, lists all.")
    .argument("[code]", "as it stands at the end of a message, or its first part for all of a kind")
    .addHelpText("after", examples("nnc explain shape/matmul", "nnc explain shape", "nnc explain"))
    .action(async (code: string | undefined) => done(await explain(code, cli)));

async function explain(given: string | undefined, cli: Cli): Promise<number> {
  const { allEntries } = await import("../base/catalogue.ts");
  const entries = allEntries();
  const code = given?.replace(/^\[|\]$/g, "") ?? "";
  const ofKind = [...entries].filter(([each]) => code === "" || each.startsWith(`${code}/`));
  if (ofKind.length > 0) {
    cli.print(tableText(ofKind.sort().map(([each, { page }]) => [each, firstSentence(page.explain)])));
    return exit.done;
  }
  const entry = entries.get(code);
  if (entry) {
    cli.print(pageText(code, entry));
    return exit.done;
  }
  const near = suggest(code, entries.keys());
  const hint = near ? `Did you mean ${near}?` : `Codes like it: ${closest(code, entries.keys(), 5).join(", ")}.`;
  throw new UserError("usage/value", `there is no code ${quoted(code)}`, hint);
}

function pageText(code: string, { severity, page }: Entry<never>): string {
  const { explain, bad, good } = page;
  const parts = [`${code} (${severity})`, explain];
  if (bad !== undefined) parts.push(`This fails:\n${indented(bad)}`);
  if (good !== undefined) parts.push(`This is mended:\n${indented(good)}`);
  return `${parts.join("\n\n")}\n`;
}

const firstSentence = (text: string): string => /^.*?[.:;](?= |$)/s.exec(text)?.[0].replace(/[:;]$/, ".") ?? text;

const indented = (text: string): string =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => (line === "" ? "" : `    ${line}`))
    .join("\n");

// A training run that leaves a report: the same run, recorded.
import { visible } from "../base/frame.ts";
import { exitCodes } from "../runtime/driver.ts";
import type { Io } from "../runtime/io.ts";
import type { Library } from "../runtime/library.ts";
import { main } from "../runtime/main.ts";
import { parseOptions, sameFile } from "../runtime/options.ts";
import { planRun } from "../runtime/plan.ts";
import { Record } from "./train-record.ts";
import { trainReport } from "./train-report.ts";

/** Stands for a log that nobody asked for; never opened as a file. */
const noLog = "report";

export async function trainReported(library: Library, argv: readonly string[], io: Io, path: string): Promise<number> {
  // Found out now, not after hours.
  io.files.probe(path);
  const record = new Record();
  const options = parseOptions(argv, io.program);
  for (const flag of ["save", "log", "init"] as const) if (options[flag] === path) throw sameFile("report", flag);
  const { log } = options;
  const words = log === undefined ? [...argv, `--log=${noLog}`] : argv;
  const code = await main(record.library(library), words, record.io(io, log));
  const { trainer, losses } = record;
  const hasRun = code !== exitCodes.wrong && code !== exitCodes.usage && code !== exitCodes.internal;
  if (!trainer || losses.length === 0 || !hasRun) return code;
  const plan = planRun(library.manifest, parseOptions(argv, io.program), io);
  const title = `${library.manifest.model} on ${plan.data.title}`;
  const html = trainReport({ title, command: [io.program, ...argv].join(" "), plan, trainer, losses });
  io.files.write(path, [new TextEncoder().encode(html)]);
  io.print(`${"report".padEnd(16)} ${visible(path)}\n`);
  return code;
}

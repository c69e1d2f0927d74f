// Reads and elaborates a model file with all that it imports. Files are looked up here, so that the language knows none.
import { basename, dirname, join } from "node:path";
import type { Diagnostic } from "../base/diagnostic.ts";
import type { Source, Span } from "../base/span.ts";
import type { File } from "../dsl/ast.ts";
import { withoutEchoes } from "../dsl/echoes.ts";
import { type ElaborateOptions, elaborate } from "../dsl/elaborate.ts";
import { type ParseLimits, parse } from "../dsl/parse.ts";
import type { DataConfig, Module } from "../ir/module.ts";
import { constantFacts } from "../runtime/constants.ts";
import type { Io } from "../runtime/io.ts";
import { locate, openGiven, openNamed, type Places } from "../runtime/locate.ts";
import { columnsOf } from "../runtime/sources.ts";
import { bytesText, quoted, UserError } from "../runtime/user-error.ts";
import { diagnosticOf, hasErrors } from "./diagnostics.ts";
import { defaultLimits, type Limits } from "./limits.ts";

export interface ReadOptions extends Pick<ElaborateOptions, "dims" | "batch" | "training" | "grads"> {
  /** `--data-dir`: where files that the model names are looked up first. */
  readonly dataDir?: string | undefined;
  /** `--data`: the data set that takes the place of the model's. */
  readonly data?: string | undefined;
  /** False: columns are as the model declares them, whatever its data set stores. */
  readonly fromDataSet?: boolean;
}

export interface ModelFile {
  /** `mnist_logistic` of `models/mnist_logistic.nn`. */
  readonly name: string;
  readonly file: File;
  /** Absent where a diagnostic is an error. */
  readonly module?: Module;
  readonly diagnostics: readonly Diagnostic[];
}

/** Surroundings that may say what a model may cost. */
type LimitedIo = Io & { readonly limits?: Limits };

export function readModel(path: string, io: LimitedIo, options: ReadOptions = {}): ModelFile {
  const limits = io.limits ?? defaultLimits;
  const parseLimits = parseLimitsOf(limits);
  const source = readSource(path, io);
  const parsed = parse(source, parseLimits);
  let left = limits.maxSource - source.text.length;
  const places: Places = { io: { ...io, folder: dirname(path) }, dataDir: options.dataDir };
  const { module, diagnostics: found } = elaborate(parsed.file, {
    ...options,
    tokens: parsed.tokens,
    limits: { ...parseLimits, rounds: limits.maxRounds, nodes: limits.maxNodes, bytes: limits.maxArena },
    importFile: (name, from) =>
      orDiagnostic(from, () => {
        const imported = importedSource(name, from, { ...io, limits: { ...limits, maxSource: left } });
        left -= imported.text.length;
        return imported;
      }),
    dataFacts: (config) => (options.fromDataSet === false ? undefined : columnsOf(manifestOf(config, options.data))),
    tensorFile: (name, tensor, from) =>
      orDiagnostic(from, () => {
        const file = openNamed(name, places);
        try {
          return constantFacts(file, tensor);
        } finally {
          file.close();
        }
      }),
  });
  const diagnostics = withoutEchoes(parsed.diagnostics, found);
  const name = basename(path, ".nn");
  return module && !hasErrors(diagnostics)
    ? { name, file: parsed.file, module, diagnostics }
    : { name, file: parsed.file, diagnostics };
}

/** What the reader of model files may take. */
export const parseLimitsOf = ({ maxNesting, maxTokens }: Limits): ParseLimits => ({
  nesting: maxNesting,
  tokens: maxTokens,
});

/** An import is looked up below the importing file's folder, and nowhere else. */
function importedSource(name: string, from: Span, io: LimitedIo): Source {
  const folder = dirname(from.source.path);
  locate(name, { io: { ...io, folder }, dataDir: undefined });
  return readSource(join(folder, name), io);
}

/** The text of a file that the command line or an import names. */
export function readSource(path: string, io: LimitedIo): Source {
  const { maxSource } = io.limits ?? defaultLimits;
  const file = openGiven(path, io);
  try {
    if (file.size > maxSource) {
      throw new UserError(
        "file/too-large",
        `${quoted(path)} has ${bytesText(file.size)}, more than the limit \`source\` of ${bytesText(maxSource)} for a model file`,
        "Repeat layers with `for`, or raise the limit with `--max-source`.",
      );
    }
    const bytes = new Uint8Array(file.size);
    file.read(0, bytes);
    return { path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UserError("file/unreadable", `${quoted(path)} is no text in UTF-8`, "Save the model file as UTF-8.");
  } finally {
    file.close();
  }
}

/** The runtime throws what a user did wrong; inside a model file that is a diagnostic at the place that asked. */
function orDiagnostic<T>(from: Span, read: () => T): T | Diagnostic {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { ...diagnosticOf(error), span: from };
  }
}

const manifestOf = ({ source, positional, named }: DataConfig, replaced: string | undefined) => ({
  source: replaced ?? source,
  positional: replaced === undefined ? positional : [],
  named: replaced === undefined ? [...named] : [],
});

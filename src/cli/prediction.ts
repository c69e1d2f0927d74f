// Predictions for the rows of a file: the compiled model run batch by batch, and its answers as text and JSON.
import { basename, dirname } from "node:path";
import { compile } from "../codegen/compile.ts";
import type { Graph } from "../ir/graph.ts";
import type { Module } from "../ir/module.ts";
import { countAt, dimAt, isStatic } from "../ir/types.ts";
import { bindColumn, widthWanted } from "../runtime/bind.ts";
import { columnOf } from "../runtime/columns.ts";
import { loadConstants } from "../runtime/constants.ts";
import { openData } from "../runtime/data.ts";
import { formatOf } from "../runtime/info.ts";
import type { Io } from "../runtime/io.ts";
import type { ColumnManifest, Trainer } from "../runtime/library.ts";
import { openGiven } from "../runtime/locate.ts";
import { loadFrom } from "../runtime/parameters.ts";
import type { TensorToWrite } from "../runtime/safetensors.ts";
import { bytesText, count, quoted, UserError } from "../runtime/user-error.ts";
import type { Cli } from "./cli.ts";
import { loadLibrary } from "./in-memory.ts";
import { numberText } from "./table.ts";

export interface Prediction {
  readonly rows: number;
  /** Results over all rows. */
  readonly tensors: readonly (TensorToWrite & { readonly values: Float32Array | Int32Array | Uint8Array })[];
  /** How many classes the first result tells apart; undefined where it is no choice of a class. */
  readonly classes: number | undefined;
}

interface Rows {
  readonly count: number;
  fill(rows: Int32Array, count: number, inputs: Trainer["inputs"]): void;
}

/** Rows that are run together. */
const batch = 64;

const fileTypes = { f32: "F32", i32: "I32", bool: "BOOL", u8: "U8" } as const;
const arrays = { f32: Float32Array, i32: Int32Array, bool: Uint8Array, u8: Uint8Array } as const;

export async function predictRows(
  module: Module,
  path: string,
  options: { readonly params: string; readonly input: string; readonly dataDir?: string },
  io: Cli,
): Promise<Prediction> {
  const { create, manifest } = await loadLibrary(
    compile(predictorOf(module), { target: "ts", batch, maxArena: io.limits.maxArena }),
  );
  const trainer = create();
  loadConstants(trainer, manifest, { io: { ...io, folder: dirname(path) }, dataDir: options.dataDir });
  loadFrom(options.params, trainer, manifest, io);
  const rows = openRows(
    options.input,
    manifest.columns.filter(({ role }) => role === "input"),
    io,
  );

  const needed = module.outputs.reduce((sum, name) => sum + 4 * countAt(outputType(module, name).shape, rows.count), 0);
  if (needed > io.limits.maxArena) {
    throw new UserError(
      "file/too-large",
      `${quoted(options.input)} has ${count(rows.count, "row")}, whose results take ${bytesText(needed)}, more than the limit \`arena\` of ${bytesText(io.limits.maxArena)}`,
      "Predict a part of them at a time, or raise the limit with `--max-arena`.",
    );
  }
  const results = module.outputs.map((name) => {
    const { dtype, shape } = outputType(module, name);
    if (isStatic(shape[0] ?? 1)) throw noRows(name);
    return { name, dtype, shape, values: new arrays[dtype](countAt(shape, rows.count)) };
  });
  const chosen = new Int32Array(batch);
  for (let from = 0; from < rows.count; from += batch) {
    const size = Math.min(batch, rows.count - from);
    for (let i = 0; i < size; i++) chosen[i] = from + i;
    rows.fill(chosen, size, trainer.inputs);
    trainer.predict(size);
    for (const { name, shape, values } of results) values.set(trainer.read(name), countAt(shape, from));
  }
  const tensors = results.map(({ name, dtype, shape, values }) => ({
    name,
    dtype: fileTypes[dtype],
    shape: shape.map((dim) => dimAt(dim, rows.count)),
    values,
  }));
  return { rows: rows.count, tensors, classes: classesOf(module) };
}

const noRows = (name: string): UserError =>
  new UserError(
    "data/columns",
    `the result ${quoted(name)} has no rows, so it cannot be told row by row`,
    "Use `nnc eval`, which runs a model once on given tensors.",
  );

/** The model without its training; slots of the optimizer stay, so that a saved file fits. */
function predictorOf(module: Module): Module {
  const empty: Graph = { nodes: [], outputs: new Map(), updates: [] };
  return {
    ...module,
    columns: module.columns.filter(({ role }) => role === "input"),
    step: empty,
    evaluate: empty,
    metrics: [],
    entries: [],
  };
}

const outputType = (module: Module, name: string) => module.predict.nodes[module.predict.outputs.get(name)!]!.type;

/** A first result [N, k] beside a target `class[N] < k` holds scores of k classes. */
function classesOf(module: Module): number | undefined {
  const [first] = module.outputs;
  if (first === undefined) return undefined;
  const { shape } = outputType(module, first);
  const target = module.columns.find(({ role, classes }) => role === "target" && classes !== undefined);
  return shape.length === 2 && target !== undefined && shape[1] === target.classes ? target.classes : undefined;
}

/** The rows of a file that the command line names: by its format, else as raw bytes. */
function openRows(path: string, wanted: readonly ColumnManifest[], io: Io): Rows {
  const format = formatOf(path, io);
  if (format === "text") return rawRows(path, wanted, io);
  // The path is the user's own, so it may lead anywhere: its folder is where it really lies.
  const real = io.files.realPath(path) ?? path;
  const data = openData({ source: format, positional: [basename(real)], named: [] }, wanted, {
    io: { ...io, folder: dirname(real) },
    dataDir: undefined,
  });
  return { count: data.rows, fill: data.fill };
}

/** Bytes of images, one row after another, scaled to 0..1. */
function rawRows(path: string, wanted: readonly ColumnManifest[], io: Io): Rows {
  const [column] = wanted;
  const width = column ? widthWanted(column) : 1;
  const file = openGiven(path, io);
  const total = file.size / width;
  if (!column || wanted.length > 1 || !Number.isInteger(total) || total < 1) {
    file.close();
    throw new UserError(
      "data/column-size",
      `${quoted(path)} has ${count(file.size, "byte")}, and a row of the model takes ${wanted.map((each) => `${widthWanted(each)} (${quoted(each.name)})`).join(" and ") || "none"}`,
      "Raw bytes are whole rows of the model's only input; give other data as idx, csv, npy or safetensors.",
    );
  }
  const fill = bindColumn(columnOf({ label: quoted(path), shape: [width], scale: 255 }, total, file, "u8", 0), column);
  return { count: total, fill: (rows, size, inputs) => fill(rows, size, inputs[column.name]!) };
}

interface Guess {
  readonly row: number;
  readonly class: number;
  /** Of every class. */
  readonly probabilities: readonly number[];
}

/** Scores as probabilities: taken as they are where they are some already, else by softmax (of logits or of their logarithms). */
function probabilities(scores: readonly number[]): number[] {
  const sum = scores.reduce((a, b) => a + b, 0);
  if (scores.every((score) => score >= 0) && Math.abs(sum - 1) < 1e-3) return [...scores];
  const highest = largestOf(scores);
  const weights = scores.map((score) => Math.exp(score - highest));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

/** What is said of one row, where a class is chosen for it. */
function guessAt({ tensors, classes }: Prediction, row: number): Guess | undefined {
  const [scores] = tensors;
  if (classes === undefined || !scores) return undefined;
  const shares = probabilities(Array.from(scores.values.subarray(row * classes, (row + 1) * classes)));
  return { row, class: shares.indexOf(largestOf(shares)), probabilities: shares };
}

const largestOf = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);

/** The numbers of one row of a result. */
function rowOf({ values }: Prediction["tensors"][number], row: number, rows: number): number[] {
  const width = values.length / rows;
  return Array.from(values.subarray(row * width, (row + 1) * width));
}

/** Classes told in text beside the likeliest. */
const shownClasses = 3;

/** A line for each row. */
export function* resultsText(prediction: Prediction): Generator<string, void> {
  const { rows, tensors } = prediction;
  for (let row = 0; row < rows; row++) {
    const shares = guessAt(prediction, row)?.probabilities;
    if (shares) {
      const best = [...shares.keys()].sort((a, b) => shares[b]! - shares[a]!).slice(0, shownClasses);
      yield `row ${row}: ${best.map((k) => `${k} (${(shares[k]! * 100).toFixed(1)} %)`).join("  ")}\n`;
    } else {
      const parts = tensors.map((tensor) => `${tensor.name} ${rowOf(tensor, row, rows).map(numberText).join(" ")}`);
      yield `row ${row}: ${parts.join("; ")}\n`;
    }
  }
}

/** The lines of a JSON array. */
export function* resultsJson(prediction: Prediction): Generator<string, void> {
  const { rows, tensors } = prediction;
  yield "[\n";
  for (let row = 0; row < rows; row++) {
    const object = guessAt(prediction, row) ?? {
      row,
      ...Object.fromEntries(tensors.map((tensor) => [tensor.name, rowOf(tensor, row, rows)])),
    };
    yield `  ${JSON.stringify(object)}${row < rows - 1 ? "," : ""}\n`;
  }
  yield "]\n";
}

/** Lines joined to pieces: a print for each line takes too long, and all of them may be more than one text can hold. */
export function* joined(lines: Iterable<string>): Generator<string, void> {
  let piece = "";
  for (const line of lines) {
    piece += line;
    if (piece.length < 2 ** 16) continue;
    yield piece;
    piece = "";
  }
  yield piece;
}

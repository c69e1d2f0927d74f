// What an exported program is told about its run: the columns, the data and its parts, the numbers that options change.
import type { ColumnInfo, ConfigValue, DataConfig, Module } from "../../ir/module.ts";
import { isStatic } from "../../ir/types.ts";
import { sourceLine } from "../source-line.ts";
import { torchType } from "./pieces.ts";
import { pythonComment, pythonNumber, pythonString, pythonTuple } from "./words.ts";

/** What the printer must know of a data set of images and labels that has a name. */
export interface ImageSet {
  /** Rows that are kept for testing. */
  readonly test: readonly [from: number, to: number];
}

const flag = (value: boolean): string => (value ? "True" : "False");

function configText(value: ConfigValue): string {
  if (typeof value === "number") return pythonNumber(value, Number.isInteger(value));
  if (typeof value === "string") return pythonString(value);
  if (typeof value === "boolean") return flag(value);
  if ("range" in value) return pythonTuple(value.range.map((end) => (end === null ? "None" : String(end))));
  return `[${value.map(configText).join(", ")}]`;
}

const columnText = ({ name, type, classes }: ColumnInfo): string =>
  pythonTuple([
    pythonString(name),
    pythonString(torchType(type.dtype).slice("torch.".length)),
    pythonTuple(type.shape.map((dim) => (isStatic(dim) ? String(dim) : "None"))),
    classes === undefined ? "None" : String(classes),
  ]);

const parts = ["train", "valid", "test"] as const;

/** `{"train": [(0, 50000)]}`: ranges of rows, None for all that follow. */
function rowsText(data: DataConfig | undefined): string {
  const entries = parts.flatMap((part) => {
    const value = data?.named.get(part);
    if (value === undefined) return [];
    const ranges = (Array.isArray(value) ? (value as readonly ConfigValue[]) : [value]).map((item) =>
      typeof item === "number" ? pythonTuple([String(item), String(item + 1)]) : rangeText(item),
    );
    return [`"${part}": [${ranges.join(", ")}]`];
  });
  return `{${entries.join(", ")}}`;
}

const rangeText = (item: ConfigValue): string => {
  const [low, high] = (item as { readonly range: readonly (number | null)[] }).range;
  return pythonTuple([String(low ?? 0), high === null || high === undefined ? "None" : String(high)]);
};

export function settingsText(
  module: Module,
  set: ImageSet | undefined,
  facts: { readonly isSum: boolean; readonly needsGradients: boolean },
): string {
  const train = module.train!;
  const numbers = module.scalars.map(({ name, value }) => `${pythonString(name)}: ${pythonNumber(value, false)}`);
  const init = train.init.map(({ prefix, file }) =>
    pythonTuple([pythonString(prefix === "" ? "" : `${prefix}.`), pythonString(file)]),
  );
  const line = train.data && sourceLine({ origins: [train.data.origin] });
  return `MODEL = ${pythonString(module.name)}
# Columns of the data: name, type, shape with None for the rows, number of classes.
COLUMNS = [${module.columns.map((column) => `\n    ${columnText(column)},`).join("")}
]
${line ? `${pythonComment(line.text)}\n` : ""}DATA = ${train.data ? pythonString(train.data.source) : "None"}
# Rows of each part; TEST are those that the data set itself keeps for testing.
ROWS = ${rowsText(train.data)}
TEST = ${set ? `{"test": [${pythonTuple(set.test.map(String))}]}` : "{}"}
BATCH, EPOCHS, SEED, SHUFFLE, DROP_LAST = ${train.batch}, ${train.epochs}, ${train.seed}, ${flag(train.shuffle)}, ${flag(train.dropLast)}
# Run-time numbers and their start values: --lr, --set.
NUMBERS = {${numbers.join(", ")}}
METRICS = [${module.metrics.map(pythonString).join(", ")}]
# Files that parameters start from: the path that they are below, the file.
INIT = [${init.join(", ")}]
# Whether the loss is a mean over the rows of the batch, and not their sum: how K processes put theirs together.
LOSS_IS_MEAN = ${flag(!facts.isSum)}
# Whether loss or metrics hold gradients themselves.
NEEDS_GRADIENTS = ${flag(facts.needsGradients)}`;
}

/** `read_data(folders)`: the columns of the model's own data, by name, and the readers that it calls. */
export function readDataText(module: Module, set: ImageSet | undefined): { text: string; readers: readonly string[] } {
  const found = module.train?.data;
  const lines = found
    ? readerOf(found, module, set)
    : ['raise Mistake("the model names no data: give its columns as a safetensors file, --data FILE")'];
  const text = [
    "def read_data(folders):",
    '    """The columns of the data, all rows."""',
    ...lines.map((line) => `    ${line}`),
  ].join("\n");
  const readers = [
    ...[
      "Mistake",
      "image_set",
      "csv_columns",
      "text_windows",
      "read_safetensors",
      "read_npy",
      "read_idx",
      "unit",
      "find",
    ],
    "width_of",
  ].filter((name) => new RegExp(`\\b${name}\\(`).test(lines.join("\n")));
  return { text, readers };
}

function readerOf({ source, positional, named }: DataConfig, module: Module, set: ImageSet | undefined): string[] {
  const { columns } = module;
  const file = (value: ConfigValue | undefined): string => `find(folders, ${configText(value ?? "")})`;
  const dict = (values: readonly string[]): string =>
    `{${columns
      .slice(0, values.length)
      .map(({ name }, k) => `${pythonString(name)}: ${values[k]}`)
      .join(", ")}}`;
  const option = (name: string, called = name): string =>
    named.has(name) ? `, ${called}=${configText(named.get(name)!)}` : "";
  /** Pixels stay bytes where the step scales them itself. */
  const scaled = (k: number, text: string): string =>
    k === 0 && columns[0]?.type.dtype === "f32" ? `unit(${text})` : text;
  if (set) {
    return [
      `images, labels = image_set(${pythonString(source)}, folders)`,
      `return ${dict([scaled(0, "images"), "labels"])}`,
    ];
  }
  if (source === "csv") {
    const chosen = columns.flatMap(({ name }) =>
      named.has(name) ? [`${pythonString(name)}: ${configText(named.get(name)!)}`] : [],
    );
    return [
      `return csv_columns(${file(positional[0])}, {${chosen.join(", ")}}${option("separator")}${option("header")})`,
    ];
  }
  if (source === "text") {
    const width = columns[0]?.type.shape.slice(1).reduce<number>((total, dim) => total * (dim as number), 1) ?? 1;
    const context = configText(named.get("context") ?? width);
    const stride = configText(named.get("stride") ?? named.get("context") ?? width);
    const characters = named.get("unit") === "chars" ? ", characters=True" : "";
    return [
      `windows, following = text_windows(${file(positional[0])}, ${context}, ${stride}${characters})`,
      `return ${dict(["windows", "following"])}`,
    ];
  }
  if (source === "safetensors") {
    const names = columns.map(({ name }) => configText(named.get(name) ?? name));
    return [
      `tensors = read_safetensors(${file(positional[0])})`,
      `names = ${dict(names)}`,
      "return {column: tensors[name] for column, name in names.items() if name in tensors}",
    ];
  }
  // npy and idx: a file for each column, by name or in order.
  const files = columns.flatMap(({ name }, k) => named.get(name) ?? positional[k] ?? []);
  const read = (value: ConfigValue, k: number): string =>
    source === "npy" ? `read_npy(${file(value)})` : scaled(k, `read_idx(${file(value)})`);
  return [`return ${dict(files.map(read))}`];
}

// Mistakes in data, parameter files and options, as generated trainers and `nnc` report them while they run.
// The runtime writes these messages itself (it carries no catalogue); the pages stand here.
import { entry } from "../diagnostic.ts";

/** What the runtime said. */
export interface Told {
  readonly message: string;
  readonly help?: string | undefined;
}

const told = (explain: string) =>
  entry<Told>({ severity: "error", message: ({ message }) => message, help: ({ help }) => help, page: { explain } });

export const data = {
  "file/missing": told(
    "A file that the model or the command line names is not there. Relative names in a model file are looked up in --data-dir where that is given, then beside the model file.",
  ),
  "file/unreadable": told(
    "The file is there but cannot be read: it is a folder or a device, may not be read by you, or was shortened while it was read.",
  ),
  "file/unwritable": told(
    "A file could not be written: its folder is read-only, the disk is full, or a part of the path is no folder. Files are written beside their old content and then renamed, so what was there before is untouched.",
  ),
  "file/outside": told(
    "A model file may only name files below its own folder or below --data-dir: no absolute paths, no `..`, no links that lead out. So a model from elsewhere cannot read your other files. Paths on the command line are free.",
  ),
  "file/too-large": told(
    "A file passes one of the named limits of the readers. Plain idx, npy and safetensors files are read by position and may be of any length; packed files, csv and text are held in memory.",
  ),
  "data/source": told("`data = NAME(…)` takes mnist, fashion_mnist, digits, idx, csv, npy, safetensors or text."),
  "data/argument": told(
    "A data source was given an argument that it does not have, or of the wrong kind. All sources take row ranges train, valid and test: `train = 0:50000`, or a list of ranges. What else each takes stands in the reference of the language.",
  ),
  "data/missing": told(
    "A public data set is not on this machine. It is looked for in --data-dir, in the folder that the variable NNC_DATA_DIR names, and in the user's cache, where `nnc data fetch` puts it. `digits` needs no files: its images are computed.",
  ),
  "data/fetch": told(
    "No mirror gave the file. What came is kept beside the target as `.part`, and the next try goes on from there. The files may also be put into the folder by hand.",
  ),
  "data/hash": told(
    "A file of a public data set is not the one that was published: its sizes or its SHA-256 differ. It was cut, changed, or belongs to another set whose files have the same names.",
  ),
  "data/columns": told(
    'The columns of the data do not cover what the model needs. Columns match by name where the source names them, `csv("f.csv", x = 0:4, target = 4)`, else in order: the model\'s inputs, then the new columns of its loss. Spare columns are ignored.',
  ),
  "data/column-size": told(
    "A row of the data holds more or fewer numbers than the model's input. Only the product counts: an image of 28 x 28 fits [N, 784], [N, 28, 28] and [N, 1, 28, 28].",
  ),
  "data/column-type": told(
    "The trainer was compiled for pixels stored as bytes, and was given other numbers. How a column is stored is settled when the model is compiled, by its data source.",
  ),
  "data/value": told(
    "A number in the data cannot be what the model declares: a class outside `class[N] < k`, a fraction in an i32 column, or a whole number that needs more than 32 bits. The message names the row, counted from 0.",
  ),
  "data/range": told(
    "A row range reaches past the end of the data. Ranges are half open, as slices are: 0:100 are the first hundred rows, and -100: the last.",
  ),
  "data/no-rows": told(
    "After validation and test rows are taken out, or with drop_last, no batch is left to train on.",
  ),
  "data/row-counts": told("Files that are columns of one data set must have the same number of rows."),
  "data/idx": told(
    "An idx file begins with two zero bytes, the element type (8: bytes) and the number of dimensions, then each size as a big-endian 32-bit number. The file must be exactly as long as its header says.",
  ),
  "data/gzip": told("The file begins like a gzip file but cannot be unpacked: it was cut or changed."),
  "data/npy": told(
    "npy files of bytes, whole numbers, floats and bools in C order and little-endian are read. The first size counts the rows.",
  ),
  "data/csv": told(
    "A csv file for training holds numbers: the same number of cells in every line, none empty. The first line may hold names. Number categories before training.",
  ),
  "data/text": told(
    "A text is cut into rows of `context` tokens, each with the token after it as target; it must be longer than one row. Characters are read as UTF-8.",
  ),
  "data/images": told("Images are an idx file [count, 28, 28], labels an idx file [count] of classes 0 to 9."),
  "params/format": told(
    "A safetensors file is read strictly: header length within the file, every key once, known dtypes, sizes that match shapes, tensors that tile the data without holes or overlaps. This file breaks one of these rules and was cut or changed.",
  ),
  "params/names": told(
    "A file of start values must hold every parameter and state of the model, and nothing else; states of the optimizer may be absent. The first five differences are listed.",
  ),
  "params/shape": told("A tensor in the file has another shape or type than the model declares for that name."),
  "params/value": told(
    "A tensor in the file holds a number that its type in the model cannot: a fraction or a number too large.",
  ),
  "train/no-data": told(
    "The model's train block names no data, so its trainer is to be driven from host code: import the library, fill `inputs`, call `step(rows)`.",
  ),
  "train/no-loss": told("A model file without `loss` can be evaluated but not trained."),
  "train/memory": told(
    "A program works in one buffer, which is made whole when it starts. The size stands in the first lines of a run; `--batch` and the sizes of the model decide it. The compiler's own limit is `--max-arena`.",
  ),
  "train/checkpoint": told(
    "A run goes on only from a checkpoint of the same model, data, batch, seed and plan: then it takes the same steps to the last bit. The differences are listed.",
  ),
  "train/threads": told(
    "With --threads K, K - 1 worker threads take part in each step. One of them could not begin, or was ended; without --threads the run needs none, and its results are the same bits.",
  ),
  "train/kernels": told(
    "The kernels of a program that was built with --wasm file lie in NAME.wasm beside it. That file is not there, is not the one that was built, or this machine runs no WebAssembly with vectors: there `--target ts` runs.",
  ),
  "usage/option": told("The option is unknown, lacks its value, or takes none. `--help` lists all."),
  "usage/batch": told(
    "A trainer's memory is laid out when it is compiled, for one largest number of rows. Fewer are fine, more need another build.",
  ),
  "usage/value": told("The value of an option is not of the kind that it takes."),
};

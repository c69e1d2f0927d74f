// Limits of the readers, by name: what a file may cost before it is refused.

const MiB = 1024 * 1024;

export const limits = {
  /** Longest header of a safetensors file: 100,000 tensors take about 10 MiB. */
  safetensorsHeader: 16 * MiB,
  /** Most bytes that a gzip file may unpack to, in memory: it may have been a thousandth of that. MNIST's images are 45 MiB. */
  unpacked: 96 * MiB,
  /** A file up to this size is read into memory at once; a longer one by position. */
  inMemory: 256 * MiB,
  /** Longest csv file. */
  csv: 128 * MiB,
  /** Most columns of a csv file. */
  columns: 1_000_000,
  /** Longest cell of a csv file. */
  cell: MiB,
  /** Names in the first line of a csv file, in all. */
  names: 4 * MiB,
  /** Longest text file. */
  text: 128 * MiB,
  /** Longest file that is fetched. */
  download: 256 * MiB,
  /** Most rows of a data set. */
  rows: 2 ** 31 - 1,
  /** Bytes read at a time while elements are converted. */
  readPiece: 4 * MiB,
  /** Bytes read at a time while they become text. */
  textPiece: MiB / 4,
} as const;

// Training in the page's worker: the emitted library, driven by the runtime that generated trainers carry. Knows no DOM and no messages'
// way; it is given messages and a way to answer.
import { measureCeiling } from "../inspect/ceiling.ts";
import type { Profile } from "../inspect/profile.ts";
import { encodeCheckpoint, identityOf, restoreCheckpoint } from "../runtime/checkpoint-file.ts";
import { classColumn, firstRows, imageColumn, lookAt, pixelsOf } from "../runtime/held-out.ts";
import type { DataManifest, Library, Manifest, ManifestDim } from "../runtime/library.ts";
import { parseOptions } from "../runtime/options.ts";
import { firstNonFinite, sizesOf } from "../runtime/parameters.ts";
import { type Plan, planRun } from "../runtime/plan.ts";
import type { RowSet } from "../runtime/rows.ts";
import { Run } from "../runtime/run.ts";
import { dataSets } from "../runtime/sets.ts";
import type { FromWorker, Held, Tensor, ToWorker, Walk } from "./messages.ts";
import { openBytes, pageIo } from "./page-io.ts";

/** Held-out rows that are looked at while training; all of them would take as long as an epoch. */
const heldRows = 1000;
/** Milliseconds of training between two looks at messages. */
const slice = 24;
/** Milliseconds between two looks at held-out rows and weights, at first and at last: the beginning is where most happens. */
const lookIntervals = { first: 120, last: 1500 } as const;
/** Images that a walk shows. */
const shownImages = 16;
/** Steps before measuring, steps at least, and milliseconds of them. */
const measuring = { warmUp: 60, least: 40, time: 1500 } as const;
/** Weights that are shown: no more units than fit a screen. */
const shownWeights = 64 * 1024;

/** With clocks around its kernels, where they are to be measured. */
type Clocked = Library & { readonly profile?: Profile };

export class PageTrainer {
  private readonly run: Run;
  private readonly plan: Plan;
  private readonly manifest: Manifest;
  /** Stands beside every number that was measured on the data; of dropped files it is the first's name. */
  private readonly dataName: string;
  private readonly library: Clocked;
  private readonly walkLibrary: Library | undefined;
  private readonly post: (message: FromWorker) => void;
  private readonly held: RowSet;
  private known: ReadonlyMap<string, string> | undefined;
  private running = false;
  private rate = 0;
  private lookedAt = 0;
  /** Milliseconds that the last look took. */
  private lookCost = 0;

  constructor(
    library: Clocked,
    walkLibrary: Library | undefined,
    start: Extract<ToWorker, { kind: "start" }>,
    post: (message: FromWorker) => void,
  ) {
    const files = new Map([...start.own, ...start.files]);
    const manifest = withData(
      library.manifest,
      start.files.map(([name]) => name),
    );
    this.plan = planRun(manifest, parseOptions([`--seed=${start.seed}`], "the page"), pageIo(files));
    this.manifest = manifest;
    this.dataName = start.files[0]?.[0] ?? this.plan.data.title;
    this.run = new Run({ ...library, manifest }, this.plan);
    this.library = library;
    this.walkLibrary = walkLibrary;
    this.post = post;
    const { valid, test, train } = this.plan.data.split;
    this.held = firstRows(valid.count > 0 ? valid : test.count > 0 ? test : train, heldRows);
    const side = imageColumn(this.manifest)?.side;
    const classes = classColumn(this.manifest)?.classes;
    post({
      kind: "ready",
      data: this.dataName,
      trainRows: train.count,
      heldRows: this.held.count,
      steps: this.plan.steps,
      perEpoch: this.plan.batches.perEpoch,
      ...(side === undefined ? {} : { side }),
      ...(classes === undefined ? {} : { classes }),
    });
    this.look();
  }

  async receive(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case "run":
        if (!this.running) await this.train();
        break;
      case "pause":
        this.running = false;
        break;
      case "step":
        this.running = false;
        this.steps(1);
        this.look();
        break;
      case "scalar":
        this.run.trainer.scalars[this.run.trainer.index[message.name]!] = message.value;
        break;
      case "predict":
        this.predict(message.pixels);
        break;
      case "save":
        this.post({ kind: "saved", bytes: this.saved() });
        break;
      case "resume":
        this.resume(message.name, message.bytes);
        break;
      case "walk":
        this.running = false;
        this.walk();
        break;
      case "measure":
        this.measure();
        break;
    }
  }

  /** Real steps with a clock around each kernel. */
  private measure(): void {
    const { profile } = this.library;
    if (!profile) throw new Error("this library has no clocks");
    for (let step = 0; step < measuring.warmUp; step++) this.run.next();
    profile.milliseconds.fill(0);
    profile.calls.fill(0);
    // A browser's clock is coarse: what is shorter than its tick is right in the mean of many.
    const begin = performance.now();
    let steps = 0;
    while (steps < measuring.least || performance.now() - begin < measuring.time) {
      this.run.next();
      steps++;
    }
    const milliseconds = Array.from(profile.milliseconds, (sum, k) => sum / profile.calls[k]!);
    const ceiling = measureCeiling(() => performance.now());
    this.post({ kind: "measured", measured: { steps, data: this.dataName, milliseconds, ceiling } });
  }

  private async train(): Promise<void> {
    this.running = true;
    const begin = performance.now();
    while (this.running && this.run.step < this.plan.stop) {
      if (!this.steps(Number.POSITIVE_INFINITY)) break;
      // Looking takes a fifth of the time at most.
      const interval =
        4 * this.lookCost +
        Math.min(lookIntervals.last, Math.max(lookIntervals.first, (performance.now() - begin) / 5));
      if (performance.now() - this.lookedAt > interval) this.look();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.running = false;
    this.look();
    this.post({
      kind: "progress",
      step: this.run.step,
      losses: new Float64Array(0),
      stepsPerSecond: this.rate,
      running: false,
    });
  }

  /** Trains for a slice of time, or so many steps; false where the loss is no number any more. */
  private steps(most: number): boolean {
    const begin = performance.now();
    const losses: number[] = [];
    while (losses.length < most && this.run.step < this.plan.stop && performance.now() - begin < slice) {
      this.run.next();
      losses.push(this.run.loss);
      if (Number.isFinite(this.run.loss)) continue;
      this.running = false;
      this.progress(losses, begin);
      const tensor = firstNonFinite(this.run.trainer, this.manifest, this.run.lastRows);
      this.post({ kind: "diverged", step: this.run.step, loss: this.run.loss, tensor });
      return false;
    }
    this.progress(losses, begin);
    return true;
  }

  private progress(losses: readonly number[], begin: number): void {
    const rate = (1000 * losses.length) / Math.max(performance.now() - begin, 1e-3);
    this.rate = this.rate === 0 ? rate : 0.9 * this.rate + 0.1 * rate;
    this.post({
      kind: "progress",
      step: this.run.step,
      losses: Float64Array.from(losses),
      stepsPerSecond: this.rate,
      running: this.running,
    });
  }

  /** Held-out rows and first weights, as they are now. */
  private look(): void {
    const begin = performance.now();
    this.post({ kind: "held", held: this.evaluate() });
    this.post({ kind: "weights", tensors: this.firstWeights() });
    this.lookedAt = performance.now();
    this.lookCost = this.lookedAt - begin;
  }

  private evaluate(): Held {
    const { batch, data } = this.plan;
    const { worst: _, ...held } = lookAt(this.run.trainer, this.manifest, data, this.held, { batch, worst: 0 });
    return { step: this.run.step, ...held };
  }

  /** Weights that meet the input's pixels, or the first kernels of a convolution. */
  private firstWeights(): Tensor[] {
    const side = imageColumn(this.manifest)?.side;
    const isFirst = (sizes: readonly number[]): boolean =>
      (sizes.length === 2 && side !== undefined && sizes.includes(side * side)) || sizes.length === 4;
    const slot = this.manifest.slots.find((each) => each.kind === "param" && isFirst(sizesOf(each)));
    if (!slot || product(slot.shape) > shownWeights * 8) return [];
    return [{ name: slot.name, shape: sizesOf(slot), values: Float32Array.from(this.run.trainer.read(slot.name)) }];
  }

  private predict(pixels: Uint8Array): void {
    const column = imageColumn(this.manifest)?.column;
    const [output] = this.manifest.outputs;
    if (!column || !output) return;
    const { trainer } = this.run;
    const input = trainer.inputs[column.name]!;
    for (const [k, value] of pixels.entries()) input[k] = column.dtype === "f32" ? value / 255 : value;
    trainer.predict(1);
    this.post({ kind: "prediction", values: Float32Array.from(trainer.read(output.name)) });
  }

  /** A checkpoint, byte for byte as `nnc train` writes it. */
  private saved(): Uint8Array {
    const parts = encodeCheckpoint(this.run, this.identity(), [["validated", "0"]]);
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  /** Goes on from a checkpoint: the page's own or one of `nnc train`, of the same model and data. */
  private resume(name: string, bytes: Uint8Array): void {
    this.running = false;
    restoreCheckpoint(this.run, openBytes(name, bytes), this.identity());
    this.progress([], performance.now());
    this.look();
  }

  /** Looks at every training row, so only once, and when it is asked for. */
  private identity(): ReadonlyMap<string, string> {
    this.known ??= identityOf(this.run, this.plan.places.io.files.sha256);
    return this.known;
  }

  /** The same step by a trainer whose gradients can be read, where there is one; then by the run itself. */
  private walk(): void {
    if (this.run.step >= this.plan.stop) return;
    if (!this.walkLibrary) {
      this.steps(1);
      this.look();
      return;
    }
    const { trainer } = this.run;
    const other = this.walkLibrary.create({ seed: this.plan.seed });
    const rows = this.run.fillBatch(this.run.step);
    for (const { name } of this.manifest.slots) other.write(name, trainer.read(name));
    for (const [name, values] of Object.entries(trainer.inputs)) other.inputs[name]!.set(values);
    for (const [name, place] of Object.entries(other.index)) {
      const from = trainer.index[name];
      if (from !== undefined) other.scalars[place] = trainer.scalars[from]!;
    }
    other.step(rows);
    const params = this.manifest.slots.filter(({ kind, trained }) => kind === "param" && trained);
    const output = this.manifest.outputs[0]!;
    const image = imageColumn(this.manifest);
    const label = classColumn(this.manifest);
    const images = image
      ? Array.from({ length: Math.min(rows, shownImages) }, (_, k) => pixelsOf(trainer, image.column, k))
      : [];
    const walk: Walk = {
      step: this.run.step + 1,
      rows,
      images,
      side: image?.side ?? 0,
      labels: label ? [...trainer.inputs[label.name]!.slice(0, shownImages)] : [],
      output: {
        name: output.name,
        shape: output.shape.map((dim) => sizeAt(dim, rows)),
        values: Float32Array.from(other.read(output.name)),
      },
      loss: other.scalars[other.index["loss"]!]!,
      gradients: params.toReversed().map((slot) => ({
        name: slot.name,
        shape: sizesOf(slot),
        values: Float32Array.from(other.read(`grad.${slot.name}`)),
      })),
      updates: params.map((slot) => ({
        name: slot.name,
        shape: sizesOf(slot),
        before: Float32Array.from(trainer.read(slot.name)),
        after: Float32Array.from(other.read(slot.name)),
      })),
    };
    this.steps(1);
    this.look();
    this.post({ kind: "walk", walk });
  }
}

const sizeAt = (dim: ManifestDim, rows: number): number => (typeof dim === "number" ? dim : dim.perRow * rows);
const product = (shape: readonly ManifestDim[]): number => shape.reduce<number>((n, dim) => n * sizeAt(dim, 1), 1);

/** Dropped idx files take the place of the model's data; public sets that a page cannot hold are replaced by made digits. */
function withData(manifest: Manifest, files: readonly string[]): Manifest {
  const { train } = manifest;
  if (!train) return manifest;
  const ranges = train.data && dataSets.has(train.data.source) ? train.data.named : [];
  const set = train.data && dataSets.get(train.data.source);
  const data: DataManifest | undefined =
    files.length > 0
      ? { source: "idx", positional: files, named: [] }
      : set
        ? { source: "digits", positional: [], named: ranges }
        : train.data;
  return { ...manifest, train: { ...train, ...(data ? { data } : {}) } };
}

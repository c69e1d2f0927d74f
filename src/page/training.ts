// The page's side of training: starts a worker for each compiled program, keeps what it told last. Draws nothing.
import workerText from "nnc:page-worker";
import type { FromWorker, Held, Measured, Tensor, ToWorker, Walk } from "./messages.ts";
import type { Compiled } from "./program.ts";
import type { Store } from "./store.ts";

type Ready = Extract<FromWorker, { kind: "ready" }>;

export interface LossPoint {
  readonly step: number;
  readonly loss: number;
}

/** Points of a curve that are kept; past it every second one goes. */
const mostPoints = 2000;

export class Training {
  ready: Ready | undefined;
  running = false;
  step = 0;
  loss = Number.NaN;
  stepsPerSecond = 0;
  losses: LossPoint[] = [];
  held: Held[] = [];
  weights: readonly Tensor[] = [];
  prediction: Float32Array | undefined;
  walk: Walk | undefined;
  /** Of the program as it is now; "pending" while it is measured. */
  measured: Measured | "pending" | undefined;
  /** What went wrong, in words. */
  problem: string | undefined;
  private worker: Worker | undefined;
  private stride = 1;
  private readonly store: Store;
  private files: readonly (readonly [string, Uint8Array])[] = [];
  private seed = 0;
  private readonly listeners: ((kind: FromWorker["kind"] | "reset") => void)[] = [];

  constructor(store: Store) {
    this.store = store;
    store.on("compiled", () => {
      this.measured = undefined;
      this.reset();
    });
  }

  on(listener: (kind: FromWorker["kind"] | "reset") => void): void {
    this.listeners.push(listener);
  }

  private tell(kind: FromWorker["kind"] | "reset"): void {
    for (const listener of this.listeners) listener(kind);
  }

  send(message: ToWorker): void {
    this.worker?.postMessage(message);
  }

  /** Data that take the place of the model's. */
  useFiles(files: readonly (readonly [string, Uint8Array])[]): void {
    this.files = files;
    this.reset();
  }

  /** Goes on from a checkpoint; curves begin there. */
  resume(name: string, bytes: Uint8Array): void {
    Object.assign(this, { losses: [], held: [], stride: 1, walk: undefined, problem: undefined });
    this.send({ kind: "resume", name, bytes });
    this.tell("reset");
  }

  toggle(): void {
    this.send({ kind: this.running ? "pause" : "run" });
    this.running = !this.running;
    this.tell("progress");
  }

  /** A new trainer for the program as it is now. */
  reset(seed = this.seed): void {
    this.seed = seed;
    this.worker?.terminate();
    Object.assign(this, {
      ready: undefined,
      running: false,
      step: 0,
      loss: Number.NaN,
      stepsPerSecond: 0,
      losses: [],
      held: [],
      weights: [],
      prediction: undefined,
      walk: undefined,
      problem: undefined,
      stride: 1,
    });
    const { compiled } = this.store;
    if (compiled?.module.step.outputs.has("loss")) this.start(compiled);
    else this.problem = "This model has no loss, so there is nothing to train.";
    this.tell("reset");
  }

  private start({ library, walk, module }: Compiled): void {
    if (!module.train?.data && this.files.length === 0) {
      this.problem = "This model names no data. Drop idx files with its columns here, inputs first.";
      return;
    }
    this.worker = this.serve(library, walk, (message) => this.receive(message));
  }

  /** A worker that has a trainer for these libraries. */
  private serve(library: string, walk: string | undefined, receive: (message: FromWorker) => void): Worker {
    const text = `${workerText}\nnncWorker.serve(self, ${library}, ${walk ?? "undefined"});`;
    const worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => receive(data);
    worker.onerror = (event) => receive({ kind: "failed", message: event.message, help: undefined });
    const start: ToWorker = { kind: "start", seed: this.seed, own: this.store.data, files: this.files };
    worker.postMessage(start);
    return worker;
  }

  /** Times each kernel on real steps of a trainer of its own; training rests meanwhile. */
  measure(): void {
    const { compiled } = this.store;
    if (!compiled || !this.ready || this.measured === "pending") return;
    if (this.running) this.toggle();
    this.measured = "pending";
    const worker = this.serve(compiled.profiled(), undefined, (message) => {
      if (message.kind !== "measured" && message.kind !== "failed") return;
      worker.terminate();
      // Another program may have been compiled meanwhile.
      if (this.store.compiled !== compiled) return;
      this.measured = message.kind === "measured" ? message.measured : undefined;
      if (message.kind === "failed") this.receive(message);
      else this.tell("measured");
    });
    const measure: ToWorker = { kind: "measure" };
    worker.postMessage(measure);
    this.tell("measured");
  }

  private receive(message: FromWorker): void {
    switch (message.kind) {
      case "ready":
        this.ready = message;
        break;
      case "progress":
        this.progress(message);
        break;
      case "held":
        this.held.push(message.held);
        break;
      case "weights":
        this.weights = message.tensors;
        break;
      case "prediction":
        this.prediction = message.values;
        break;
      case "walk":
        this.walk = message.walk;
        break;
      case "saved":
        this.saved?.(message.bytes);
        break;
      case "diverged":
        this.running = false;
        this.problem = `Diverged: the loss is ${message.loss} at step ${message.step}${message.tensor === undefined ? "" : `, first in ${message.tensor}`}. Lower the learning rate, then reset.`;
        break;
      case "failed":
        this.running = false;
        this.problem = message.help === undefined ? message.message : `${message.message}. ${message.help}`;
        break;
    }
    this.tell(message.kind);
  }

  /** Takes the parameters that were asked for. */
  saved: ((bytes: Uint8Array) => void) | undefined;

  private progress({ step, losses, stepsPerSecond, running }: Extract<FromWorker, { kind: "progress" }>): void {
    const first = step - losses.length;
    for (const [k, loss] of losses.entries()) {
      if ((first + k) % this.stride === 0) this.losses.push({ step: first + k + 1, loss });
    }
    while (this.losses.length > mostPoints) {
      this.stride *= 2;
      this.losses = this.losses.filter((_, k) => k % 2 === 0);
    }
    this.step = step;
    this.loss = losses.at(-1) ?? this.loss;
    this.stepsPerSecond = stepsPerSecond;
    if (losses.length === 0 || step >= (this.ready?.steps ?? 0)) this.running = running && losses.length > 0;
  }
}

// What a kernel is apart from where its operands lie: kernels of equal keys lower to equal loops, so one is lowered and one is
// emitted for all of them.
import { numberText } from "../base/number-text.ts";
import { type Affine, type Expr, isAffine, type ValueId } from "../ir/stage.ts";
import { dimText, typeText } from "../ir/types.ts";
import { type LoweringContext, localValues } from "./lower-context.ts";
import { type Kernel, type PlacedStage, storageOf } from "./schedule.ts";

export interface KernelKey {
  readonly text: string;
  /** Storages in the order in which the key meets them. */
  readonly values: readonly ValueId[];
  /** Keys of random streams, likewise. */
  readonly streams: readonly string[];
}

export function kernelKey(context: LoweringContext, kernel: Kernel): KernelKey {
  const { schedule } = context;
  const locals = localValues(context, kernel);
  const order = new Map<string, number>();
  const values: ValueId[] = [];
  const streams: string[] = [];

  const value = (id: ValueId): string => {
    const owner = storageOf(schedule, id);
    const name = owner.home.kind === "slot" ? `slot ${owner.home.slot}` : `value ${owner.id}`;
    let place = order.get(name);
    if (place === undefined) {
      place = values.push(owner.id) - 1;
      order.set(name, place);
    }
    const kind = locals.has(id) ? "local" : owner.home.kind === "host" ? "host" : "";
    const layout = owner.layout ? `@${owner.layout.order}+${owner.layout.pad}` : "";
    return `${place}${kind}:${typeText(schedule.values[id]!.type)}:${owner.type.dtype}${layout}`;
  };
  const affine = ({ const: constant, rows, terms }: Affine): string =>
    `${constant},${rows ?? 0}${terms.map((t) => `+${dimText(t.mul)}*${t.axis}`).join("")}`;
  const expr = (e: Expr): string => {
    switch (e.kind) {
      case "num":
        return `${numberText(e.value)}${e.dtype}`;
      case "index":
        return `i(${affine(e.at)})`;
      case "size":
        return dimText(e.dim);
      case "acc":
        return "acc";
      case "call": {
        if (e.key !== undefined && !streams.includes(e.key)) streams.push(e.key);
        const stream = e.key === undefined ? "" : `#${streams.indexOf(e.key)}`;
        return `${e.fn}${stream}:${e.dtype}(${e.args.map(expr).join(",")})`;
      }
      case "load": {
        const guards = e.guard?.map((g) => `${affine(g.at)}<${dimText(g.extent)}`).join("&") ?? "";
        return `${value(e.of)}[${e.at.map(affine).join(";")}]${guards}|${numberText(e.otherwise ?? 0)}`;
      }
      case "gather":
        return `${value(e.of)}[${e.at.map(place).join(";")}]`;
    }
  };
  const place = (p: Affine | Expr): string => (isAffine(p) ? affine(p) : expr(p));
  const stage = (s: PlacedStage): string => {
    const axes = s.axes.map((a) => `${a.id}${a.name}${a.kind}${dimText(a.extent)}`).join(",");
    const fold = s.reduce ? `${s.reduce.op}${s.reduce.dtype}${s.reduce.index ? expr(s.reduce.index) : ""}` : "";
    // Reads come before writes, as in the procedure's own head.
    const body = expr(s.body);
    const epilogue = s.epilogue ? expr(s.epilogue) : "";
    const list = s.sparse
      ? `${s.sparse.axis},${s.sparse.position}${value(s.sparse.list)}${value(s.sparse.counts)}${s.sparse.at.map(affine)}`
      : "";
    const filter = s.filter
      ? `${value(s.filter.counts)}${value(s.filter.beside.value)}${expr(s.filter.beside.body)}`
      : "";
    const band = s.band ? `${s.band.rows},${s.band.columns},${s.band.from},${s.band.to}` : "";
    const out = `${value(s.out.value)}[${s.out.at.map(place).join(";")}]${s.out.mode}`;
    return [axes, fold, body, epilogue, list, filter, band, out].join("|");
  };
  return {
    text: `${kernel.shared}${kernel.lead === undefined ? "" : ` ${kernel.lead}`} ${kernel.stages.map(stage).join(" / ")}`,
    values,
    streams,
  };
}

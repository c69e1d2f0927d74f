// Makes the nodes of an ONNX graph: names, constants that are shared, sizes that are known when it runs. Knows ONNX's operators
// by name only, and none of ours.
import { type Dim, isStatic, type Shape } from "../../ir/types.ts";
import { type Attribute, type ElementName, type OnnxNode, type TensorText, tensorBytes } from "./schema.ts";

export class OnnxWriter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: TensorText[] = [];
  private readonly constants = new Map<string, string>();
  private readonly taken: Set<string>;
  private readonly sizes = new Map<number, string>();
  /** The column whose axis 0 counts the rows, and how many it has for each. */
  private readonly rowsOf: { readonly name: string; readonly perRow: number } | undefined;
  /** The name that the result of the current op is to have, and its line of the model. */
  wanted: string | undefined;
  doc = "";

  constructor(names: Iterable<string>, rowsOf: { readonly name: string; readonly perRow: number } | undefined) {
    this.taken = new Set(names);
    this.rowsOf = rowsOf;
  }

  private unique(wanted: string): string {
    let name = wanted;
    for (let k = 2; this.taken.has(name); k++) name = `${wanted}_${k}`;
    this.taken.add(name);
    return name;
  }

  /** The first result of an operator. */
  add(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.addAll(op, inputs, attributes, 1)[0]!;
  }

  addAll(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
    results: number,
  ): string[] {
    const outputs = Array.from({ length: results }, () => this.unique(this.wanted ?? op.toLowerCase()));
    this.nodes.push({ op, inputs, outputs, attributes, doc: this.doc });
    return outputs;
  }

  /** The value under exactly this name: for outputs, whose names are given out beforehand. */
  nameOutput(value: string, name: string): void {
    this.nodes.push({ op: "Identity", inputs: [value], outputs: [name], attributes: {}, doc: "" });
  }

  constant(type: ElementName, values: readonly number[], shape: readonly number[] = []): string {
    const bytes = tensorBytes(type, values);
    const key = `${type}[${shape}]${values.map((value) => (Object.is(value, -0) ? "-0" : value)).join()}`;
    const known = this.constants.get(key);
    if (known !== undefined) return known;
    const name = this.unique(values.length === 1 ? `${type}_${String(values[0])}` : `${type}_${shape.join("x")}`);
    this.initializers.push({ name, type, shape, bytes });
    this.constants.set(key, name);
    return name;
  }

  /** A list of whole numbers, as operators take axes and shapes. */
  wholes(values: readonly number[]): string {
    return this.constant("i64", values, [values.length]);
  }

  /** i64[1]: a size as an element of a shape. */
  size(dim: Dim): string {
    if (isStatic(dim)) return this.wholes([dim]);
    const known = this.sizes.get(dim.perRow);
    if (known !== undefined) return known;
    const { wanted } = this;
    this.wanted = dim.perRow === 1 ? "N" : `N_times_${dim.perRow}`;
    const made = this.makeSize(dim.perRow);
    this.wanted = wanted;
    this.sizes.set(dim.perRow, made);
    return made;
  }

  private makeSize(perRow: number): string {
    if (!this.rowsOf) return this.wholes([perRow]);
    if (perRow === this.rowsOf.perRow) return this.add("Shape", [this.rowsOf.name], { start: 0, end: 1 });
    if (perRow !== 1) return this.add("Mul", [this.size({ perRow: 1 }), this.wholes([perRow])]);
    return this.add("Div", [this.size({ perRow: this.rowsOf.perRow }), this.wholes([this.rowsOf.perRow])]);
  }

  /** i64[rank]. */
  shape(shape: Shape): string {
    if (shape.every(isStatic)) return this.wholes(shape as number[]);
    return shape.length === 1
      ? this.size(shape[0]!)
      : this.add(
          "Concat",
          shape.map((dim) => this.size(dim)),
          { axis: 0 },
        );
  }

  /** A size as a number of rank 0. */
  sizeScalar(dim: Dim): string {
    return isStatic(dim) ? this.constant("i64", [dim]) : this.add("Squeeze", [this.size(dim), this.wholes([0])]);
  }
}

/** The letters of ONNX's Cast. */
export const castTo = { f32: 1, i32: 6, i64: 7, bool: 9, f64: 11 } as const;

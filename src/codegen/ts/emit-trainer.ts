// What a trainer offers: its arena, buffers, tensors by name, and methods.
import { numberText } from "../../base/number-text.ts";
import { dimAt, isStatic, type Shape, type Storage, type TensorType, typeText } from "../../ir/types.ts";
import type { ColumnManifest, Manifest } from "../../runtime/library.ts";
import type { Unit } from "../compile.ts";
import type { Emission } from "../emission.ts";
import { runName } from "../kernel-docs.ts";
import { stridesOf } from "../lower-context.ts";
import { functionDoc, type StatementDoc } from "../module-doc.ts";
import { bytesPer } from "../plan.ts";
import { isDense } from "../reshape-view.ts";
import type { Layout } from "../schedule.ts";
import type { SharedFunction } from "../share-kernels.ts";
import { scalarPlaceOf } from "./emit-programs.ts";
import { arenaViews } from "./print-loops.ts";
import { comment, objectKey, quote } from "./text.ts";

const arrays: Record<Storage, string> = {
  f32: "Float32Array",
  i32: "Int32Array",
  bool: "Uint8Array",
  u8: "Uint8Array",
};

export function trainerInterface(unit: Unit, { members }: Emission): StatementDoc {
  const { manifest, scalars } = unit;
  const writable = [...tensors(unit)].filter(([, t]) => t.writable).map(([name]) => quote(name));
  const inputs = inputsOf(manifest).map((c) => `readonly ${objectKey(c.name)}: ${arrays[c.dtype]}`);
  const index = [...scalars.names].map(([name, place]) => `readonly ${objectKey(name)}: ${place}`);
  const names = [...tensors(unit).keys()].map(quote);
  return {
    kind: "interface",
    name: "Trainer",
    docs: ["One model in memory. All arrays are views over one ArrayBuffer."],
    properties: [
      {
        docs: ["Input buffers: fill rows 0 to rows - 1, then call."],
        name: "inputs",
        type: `{ ${inputs.join("; ")} }`,
      },
      { docs: ["Loss, metrics and settings, by the places in `index`."], name: "scalars", type: "Float64Array" },
      { docs: [], name: "index", type: `{ ${index.join("; ")} }` },
      ...members,
    ],
    methods: [
      {
        docs: ["A copy of a tensor, row-major in its logical shape; outputs hold the rows of the last call."],
        name: "read",
        parameters: [{ name: "name", type: names.join(" | ") || "never" }],
        returnType: "Float32Array | Int32Array | Uint8Array",
      },
      {
        docs: ["Overwrites a parameter or state."],
        name: "write",
        parameters: [
          { name: "name", type: writable.join(" | ") || "never" },
          { name: "values", type: "ArrayLike<number>" },
        ],
        returnType: "void",
      },
      rowsMethod(
        "step",
        "Forward, backward and update on the first `rows` rows of the inputs; leaves the loss in `scalars`.",
      ),
      rowsMethod("evaluate", "Loss, metrics and outputs; changes no parameter and no state."),
      rowsMethod("predict", "Outputs alone; targets are not read."),
      ...entryNames(unit).map(({ name, method }) =>
        rowsMethod(typeKey(method), `Outputs of the model ${comment(name)}.`),
      ),
    ],
  };
}

/** In a type, `new(…)` would be what constructs, and no method. */
const typeKey = (name: string): string => (name === "new" ? quote(name) : name);

const rowsMethod = (name: string, doc: string) => ({
  docs: [doc],
  name,
  parameters: [{ name: "rows", type: "number" }],
  returnType: "void",
});

/**
 * Further models are methods by their own name, unless an ordinary method has it. The function behind a method has a name of its
 * own: a model may be called like a word of JavaScript.
 */
function entryNames(unit: Unit): { name: string; method: string; fn: string; program: string }[] {
  const own = new Set([
    "inputs",
    "scalars",
    "index",
    "read",
    "write",
    "step",
    "evaluate",
    "predict",
    "team",
    "disband",
  ]);
  return unit.module.entries.map(({ name }) => ({
    name,
    method: own.has(name) ? `run_${name}` : name,
    fn: `call_model_${name}`,
    program: `entry:${name}`,
  }));
}

export function arena(unit: Unit, emission: Emission): StatementDoc[] {
  const { plan } = unit;
  const lines = [
    ...emission.arena,
    "const floats = new Float32Array(arena);",
    "const ints = new Int32Array(arena);",
    ...(unit.kernels.functions.some(usesShorts) ? ["const shorts = new Uint16Array(arena);"] : []),
    "const bytes = new Uint8Array(arena);",
    `const scalars = ${emission.scalars};`,
    "const seed = options.seed ?? 0;",
    ...emission.instance,
    "/** Rows of the last call. */",
    "let lastRows = 0;",
  ];
  for (const { name, value } of unit.manifest.scalars)
    lines.push(`scalars[${unit.scalars.names.get(name)!}] = ${value}; // ${comment(name)}`);
  for (const placement of plan.persistent.values()) {
    if (!placement.values) continue;
    lines.push(
      `${arenaViews[placement.type.dtype]}.set([${placement.values.map(numberText).join(", ")}], ${elementOffset(placement)});`,
    );
  }
  return [{ kind: "text", lines }];
}

const usesShorts = ({ procedure }: SharedFunction): boolean => procedure.buffers.some((b) => b.storage === "u16");

const elementOffset = (placement: { readonly type: TensorType; readonly offset: number }): number =>
  placement.offset / bytesPer(placement.type.dtype);

interface TensorPlace {
  readonly type: TensorType;
  readonly offset: number;
  readonly writable: boolean;
  readonly layout?: Layout;
}

/** All that `read` knows, by name: slots, model outputs and kept gradients. */
function tensors(unit: Unit): Map<string, TensorPlace> {
  const found = new Map<string, TensorPlace>();
  for (const [key, placement] of unit.plan.persistent) {
    const [kind] = key.split(":", 1);
    const name = key.slice(kind!.length + 1);
    if (kind === "slot" || kind === "file") found.set(name, { ...placement, writable: true });
    if (kind === "output" && !found.has(name) && scalarPlaceOf(unit, name) === undefined)
      found.set(name, { ...placement, writable: false });
  }
  return found;
}

/** All buffers that a driver fills: the trained model's columns, and the inputs of further models. */
const inputsOf = ({ columns, entries = [] }: Manifest): readonly ColumnManifest[] => [
  ...columns,
  ...entries.flatMap((entry) => entry.inputs),
];

export function methods(unit: Unit, { members }: Emission): StatementDoc[] {
  const table = [...tensors(unit)];
  const inputs = inputsOf(unit.manifest).map((column) => {
    const placement = unit.plan.persistent.get(`column:${column.name}`)!;
    const length = placement.bytes / bytesPer(placement.type.dtype);
    return `  ${objectKey(column.name)}: new ${arrays[column.dtype]}(arena, ${placement.offset}, ${length}), // ${comment(typeText(placement.type))}`;
  });
  const index = [...unit.scalars.names].map(([name, place]) => `${objectKey(name)}: ${place}`);
  const has = (name: string): boolean => unit.programs.some((p) => p.name === name);
  const call = (method: string, program: string): StatementDoc =>
    functionDoc({
      name: method,
      docs: [],
      parameters: [{ name: "rows", type: "number" }],
      returnType: "void",
      lines: has(program)
        ? ["checkRows(rows);", "lastRows = rows;", `${runName(program)}(rows);`]
        : [`throw new Error("this model has no loss, so there is nothing to ${method}");`],
    });
  // A debug build looks at columns too.
  const columns = unit.debug ? unit.manifest.columns.map((c) => c.shape) : [];
  const dense = columns.every(isDense) && table.every(([, t]) => liesAsRead(t));
  const written = table.filter(([, t]) => t.writable);
  return [
    {
      kind: "text",
      lines: ["const inputs = {", ...inputs, "};"],
    },
    functionDoc({
      name: "checkRows",
      docs: [],
      parameters: [{ name: "rows", type: "number" }],
      returnType: "void",
      lines: [
        `if (!(Number.isInteger(rows) && rows >= 1 && rows <= ${unit.batch})) {`,
        `  throw new RangeError(\`rows must be a whole number from 1 to ${unit.batch}, not \${rows}\`);`,
        "}",
      ],
    }),
    call("step", "step"),
    call("evaluate", "evaluate"),
    call("predict", "predict"),
    ...entryNames(unit).map(({ fn, program }) => call(fn, program)),
    ...(dense ? [] : [placeDoc, compactDoc]),
    ...(written.every(([, t]) => liesAsRead(t)) ? [] : [spreadDoc]),
    functionDoc({
      name: "read",
      docs: [],
      parameters: [{ name: "name", type: "string" }],
      returnType: "Float32Array | Int32Array | Uint8Array",
      lines: [
        "switch (name) {",
        ...table.flatMap(([name, t]) => [
          `  case ${quote(name)}: // ${comment(typeText(t.type))}`,
          `    return ${readText(t, unit.batch)};`,
        ]),
        "  default:",
        "    throw new RangeError(`no tensor is called ${name}`);",
        "}",
      ],
    }),
    functionDoc({
      name: "write",
      docs: [],
      parameters: [
        { name: "name", type: "string" },
        { name: "values", type: "ArrayLike<number>" },
      ],
      returnType: "void",
      lines: [
        "switch (name) {",
        ...written.flatMap(([name, t]) => [`  case ${quote(name)}:`, `    return ${writeText(t, unit.batch)};`]),
        "  default:",
        "    throw new RangeError(`no parameter or state is called ${name}`);",
        "}",
      ],
    }),
    functionDoc({
      name: "fill",
      docs: [],
      parameters: [
        { name: "view", type: "Float32Array | Int32Array | Uint8Array" },
        { name: "offset", type: "number" },
        { name: "size", type: "number" },
        { name: "name", type: "string" },
        { name: "values", type: "ArrayLike<number>" },
      ],
      returnType: "void",
      lines: [
        "if (values.length !== size) throw new RangeError(`${name} has ${size} elements, not ${values.length}`);",
        "view.set(values, offset);",
      ],
    }),
    {
      kind: "text",
      lines: [
        `${runName("init")}(${unit.batch});`,
        `return { inputs, scalars, index: { ${index.join(", ")} }, read, write, step, evaluate, predict${entryNames(
          unit,
        )
          .map((e) => `, ${objectKey(e.method)}: ${e.fn}`)
          .join("")}${members.map((member) => `, ${member.name}`).join("")} };`,
      ],
    },
  ];
}

/** Its elements follow each other in the logical order, without gaps at every N. */
const liesAsRead = ({ type, layout }: TensorPlace): boolean => layout === undefined && isDense(type.shape);

/** A copy of a tensor: one slice where its elements lie as they are read. */
function readText(tensor: TensorPlace, batch: number): string {
  const { shape } = tensor.type;
  if (!liesAsRead(tensor)) return `compact(${placeText(tensor, batch)})`;
  const view = arenaViews[tensor.type.dtype];
  const start = elementOffset(tensor);
  if (shape.every(isStatic)) return `${view}.slice(${start}, ${start + elementCount(shape)})`;
  const perRow = elementCount(shape.map((d) => (isStatic(d) ? d : d.perRow)));
  return `${view}.slice(${start}, ${start} + lastRows${perRow === 1 ? "" : ` * ${perRow}`})`;
}

function writeText(tensor: TensorPlace, batch: number): string {
  if (!liesAsRead(tensor)) return `spread(${placeText(tensor, batch)}, name, values)`;
  return `fill(${arenaViews[tensor.type.dtype]}, ${elementOffset(tensor)}, ${elementCount(tensor.type.shape)}, name, values)`;
}

/** View, offset, sizes and strides. */
function placeText(tensor: TensorPlace, batch: number): string {
  const { type, layout } = tensor;
  const sizes = type.shape.map((d) =>
    isStatic(d) ? String(d) : d.perRow === 1 ? "lastRows" : `${d.perRow} * lastRows`,
  );
  const strides = stridesOf(type.shape, batch, layout);
  return `${arenaViews[type.dtype]}, ${elementOffset(tensor)}, [${sizes.join(", ")}], [${strides.join(", ")}]`;
}

const elementCount = (shape: Shape): number => shape.reduce<number>((k, d) => k * dimAt(d, 1), 1);

const stridedParameters = [
  { name: "view", type: "Float32Array | Int32Array | Uint8Array" },
  { name: "offset", type: "number" },
  { name: "sizes", type: "readonly number[]" },
  { name: "strides", type: "readonly number[]" },
];

const placeDoc: StatementDoc = functionDoc({
  name: "placeOf",
  docs: ["Where element `i` of a tensor lies whose dimensions are spaced by `strides`."],
  parameters: [{ name: "i", type: "number" }, ...stridedParameters.slice(2)],
  returnType: "number",
  lines: [
    "let place = 0;",
    "for (let d = sizes.length - 1; d >= 0; d--) {",
    "  const size = sizes[d] ?? 1;",
    "  place += (i % size) * (strides[d] ?? 0);",
    "  i = Math.floor(i / size);",
    "}",
    "return place;",
  ],
});

const compactDoc: StatementDoc = functionDoc({
  name: "compact",
  docs: ["A tensor in its logical order, without gaps."],
  parameters: stridedParameters,
  returnType: "Float32Array | Int32Array | Uint8Array",
  lines: [
    "const packed = view.slice(0, sizes.reduce((a, b) => a * b, 1));",
    "for (let i = 0; i < packed.length; i++) packed[i] = view[offset + placeOf(i, sizes, strides)] ?? 0;",
    "return packed;",
  ],
});

const spreadDoc: StatementDoc = functionDoc({
  name: "spread",
  docs: ["Overwrites a tensor that does not lie in its logical order."],
  parameters: [...stridedParameters, { name: "name", type: "string" }, { name: "values", type: "ArrayLike<number>" }],
  returnType: "void",
  lines: [
    "const size = sizes.reduce((a, b) => a * b, 1);",
    "if (values.length !== size) throw new RangeError(`${name} has ${size} elements, not ${values.length}`);",
    "for (let i = 0; i < size; i++) view[offset + placeOf(i, sizes, strides)] = values[i] ?? 0;",
  ],
});

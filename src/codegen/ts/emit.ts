// Unit -> module document: the emitted library as TypeScript. Knows the shape of the file, not how statements are printed.
import helpers from "nnc:helpers";
import { positionAt } from "../../base/span.ts";
import type { Origin } from "../../ir/graph.ts";
import { dimAt, isStatic, type Shape, type Storage, type TensorType, typeText } from "../../ir/types.ts";
import type { ColumnManifest, Manifest } from "../../runtime/library.ts";
import type { Unit } from "../compile.ts";
import { stridesOf } from "../lower-context.ts";
import type { ModuleDoc, StatementDoc } from "../module-doc.ts";
import { bytesPer } from "../plan.ts";
import type { SharedFunction } from "../share-kernels.ts";
import { isDense } from "../to-stages.ts";
import { helperRoots, print, printLoops } from "./print-loops.ts";
import { objectKey, quote } from "./text.ts";

const arrays: Record<Storage, string> = {
  f32: "Float32Array",
  i32: "Int32Array",
  bool: "Uint8Array",
  u8: "Uint8Array",
};
const views: Record<Storage, string> = { f32: "f32", i32: "i32", bool: "u8", u8: "u8" };

/** The emitted library of a unit. `types: false` makes it for the plain JavaScript printer: helpers come without annotations. */
export function emitModule(unit: Unit, types: boolean): ModuleDoc {
  const body: StatementDoc[] = [...arena(unit), ...unit.programs.flatMap((p) => programDocs(unit, p)), ...api(unit)];
  const create: StatementDoc = {
    kind: "function",
    name: "create",
    exported: true,
    docs: ["A trainer with its own memory, its parameters drawn from `seed`."],
    parameters: [{ name: "options", type: "{ readonly seed?: number }", initializer: "{}" }],
    returnType: "Trainer",
    statements: body,
  };
  return {
    statements: [
      { kind: "text", lines: header(unit) },
      manifestDoc(unit),
      trainerInterface(unit),
      ...helperDocs(body, types),
      create,
    ],
  };
}

function header(unit: Unit): string[] {
  const { manifest, plan } = unit;
  const params = manifest.slots.filter((s) => s.kind === "param");
  const count = params.reduce(
    (k, s) => k + s.shape.reduce<number>((n, d) => n * (typeof d === "number" ? d : 1), 1),
    0,
  );
  return [
    `// ${comment(manifest.model)}: a training program, compiled by nnc. It imports nothing and allocates nothing per step.`,
    `// ${params.length} parameters of ${count} numbers; batches of up to ${unit.batch} rows; one arena of ${plan.bytes} bytes.`,
  ];
}

// ---- Declarations ----

function manifestDoc(unit: Unit): StatementDoc {
  return {
    kind: "const",
    name: "manifest",
    exported: true,
    docs: ["What a driver needs to know of this model."],
    initializer: literal(unit.manifest, 0),
    asConst: true,
  };
}

function trainerInterface(unit: Unit): StatementDoc {
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
      ...entryNames(unit).map(({ name, method }) => rowsMethod(method, `Outputs of the model ${comment(name)}.`)),
    ],
  };
}

const rowsMethod = (name: string, doc: string) => ({
  docs: [doc],
  name,
  parameters: [{ name: "rows", type: "number" }],
  returnType: "void",
});

/** Further models are methods by their own name, unless an ordinary method has it. */
function entryNames(unit: Unit): { name: string; method: string; program: string }[] {
  const own = new Set(["inputs", "scalars", "index", "read", "write", "step", "evaluate", "predict"]);
  return unit.module.entries.map(({ name }) => ({
    name,
    method: own.has(name) ? `run_${name}` : name,
    program: `entry:${name}`,
  }));
}

/** Helpers that the bodies call, with those they need themselves, callees first. */
function helperDocs(body: readonly StatementDoc[], types: boolean): StatementDoc[] {
  const text = JSON.stringify(body);
  const wanted: string[] = [];
  const want = (name: string): void => {
    if (wanted.includes(name)) return;
    const helper = helpers[name]!;
    for (const word of new Set(helper.js.match(/\w+/g) ?? [])) {
      if (word !== name && Object.hasOwn(helpers, word) && refersTo(helper.js, word, name)) want(word);
    }
    wanted.push(name);
  };
  for (const name of helperRoots) if (text.includes(`${name}(`)) want(name);
  return wanted.map((name) => {
    const { comment, ts, js } = helpers[name]!;
    return { kind: "text", lines: [...(comment === "" ? [] : comment.split("\n")), ...(types ? ts : js).split("\n")] };
  });
}

/** Whether a helper's text uses another as a free name: one-letter names may also be its own variables. */
function refersTo(js: string, word: string, self: string): boolean {
  if (word === self) return false;
  return !new RegExp(
    `(?:const|let) ${word}\\b|function \\w+\\([^)]*\\b${word}\\b|\\(${word}\\b[^)]*\\) =>|\\([^)]*\\b${word}\\b[^)]*\\) =>`,
  ).test(js);
}

// ---- Inside create ----

function arena(unit: Unit): StatementDoc[] {
  const { plan } = unit;
  const lines = [
    `const arena = new ArrayBuffer(${plan.bytes});`,
    "const f32 = new Float32Array(arena);",
    "const i32 = new Int32Array(arena);",
    "const u8 = new Uint8Array(arena);",
    `const scalars = new Float64Array(${unit.scalars.count});`,
    "const seed = options.seed ?? 0;",
    "/** Rows of the last call. */",
    "let lastRows = 0;",
  ];
  for (const { name, value } of unit.manifest.scalars)
    lines.push(`scalars[${unit.scalars.names.get(name)!}] = ${value}; // ${comment(name)}`);
  for (const [key, placement] of plan.persistent) {
    if (!key.startsWith("constant:")) continue;
    const value = unit.programs
      .flatMap((p) => p.schedule.values)
      .find((v) => v.home.kind === "constant" && key.endsWith(v.home.values.join(",")))!;
    const values = value.home.kind === "constant" ? value.home.values : [];
    lines.push(`${views[placement.type.dtype]}.set([${values.join(", ")}], ${elementOffset(placement)});`);
  }
  return [{ kind: "text", lines }];
}

const elementOffset = (placement: { readonly type: TensorType; readonly offset: number }): number =>
  placement.offset / bytesPer(placement.type.dtype);

function programDocs(unit: Unit, program: Unit["programs"][number]): StatementDoc[] {
  const kernels = unit.kernels.functions.filter((f) => f.program === program.name).map((f) => kernelDoc(unit, f));
  const calls: string[] = program.host.steps.map(({ place, value, name }) => {
    const { text } = print(value, new Map());
    const number = "dtype" in value && value.dtype === "bool" ? `${text} ? 1 : 0` : text;
    return `scalars[${place}] = ${number}; // ${comment(name)}`;
  });
  for (const { name, args } of unit.kernels.calls.get(program.name)!)
    calls.push(`${name}(${["N", ...args].join(", ")});`);
  for (const [name, id] of program.schedule.outputs) {
    const place = scalarPlaceOf(unit, name);
    if (place === undefined || program.name === "init") continue;
    const offset = unit.plan.offsets.get(program.name)!.get(id)!;
    calls.push(`scalars[${place}] = ${views[program.schedule.values[id]!.type.dtype]}[${offset / 4}];`);
  }
  const run: StatementDoc = {
    kind: "function",
    name: runName(program.name),
    docs: [programSummary(program.name)],
    parameters: [{ name: "N", type: "number" }],
    returnType: "void",
    statements: [{ kind: "text", lines: calls }],
  };
  return [...kernels, run];
}

const runName = (program: string): string => `run_${program.replace(/^entry:/, "model_")}`;

function programSummary(name: string): string {
  if (name === "init") return "Start values of parameters and states.";
  if (name === "step") return "One training step: forward, backward, update.";
  if (name === "evaluate") return "Loss, metrics and outputs, without training.";
  if (name === "predict") return "Outputs, without a target.";
  return `The model ${comment(name.replace(/^entry:/, ""))}.`;
}

/** `loss` and `metric.accuracy` have places among the scalars. */
function scalarPlaceOf(unit: Unit, output: string): number | undefined {
  if (output === "loss") return unit.scalars.names.get("loss");
  return output.startsWith("metric.") ? unit.scalars.names.get(output.slice("metric.".length)) : undefined;
}

function kernelDoc(unit: Unit, shared: SharedFunction): StatementDoc {
  const { procedure, bindings, program } = shared;
  const lines: string[] = [];
  const parameters = [{ name: "N", type: "number" }];
  /** An argument's own name, and the number behind a name: literal or from the argument. */
  const bind = (name: string, make: (number: string) => string, note: string): void => {
    const bound = bindings.get(name)!;
    if (bound !== "argument") lines.push(`const ${name} = ${make(String(bound))};${note === "" ? "" : ` // ${note}`}`);
    else if (make("") === "") parameters.push({ name, type: "number" });
    else {
      parameters.push({ name: `${name}_at`, type: "number" });
      lines.push(`const ${name} = ${make(`${name}_at`)};${note === "" ? "" : ` // ${note}`}`);
    }
  };
  for (const buffer of procedure.buffers) bind(buffer.name, (n) => n, buffer.comment);
  for (const { name } of procedure.hosts) bind(name, (place) => `scalars[${place}]`, "");
  const step = program === "init" ? "0" : `scalars[${unit.scalars.names.get("step")!}]`;
  for (const { a, b, key } of procedure.streams) {
    bind(a, (k) => `streamA(seed, ${step}, ${k})`, comment(key));
    const bound = bindings.get(a)!;
    lines.push(`const ${b} = streamB(seed, ${step}, ${bound === "argument" ? `${a}_at` : bound});`);
  }
  lines.push(...printLoops(procedure));
  const shapes = procedure.buffers
    .filter((b) => bindings.get(b.name) === "argument")
    .map((b) => `${b.name}: ${b.comment}`);
  return {
    kind: "function",
    name: shared.name,
    docs: [
      ...procedure.doc.map(comment),
      ...sourceLines(procedure.origins),
      ...(shared.calls > 1 && parameters.length > 1
        ? [`Called in ${shared.calls} places, with ${shapes.join(", ") || "other numbers"} at these offsets.`]
        : []),
    ],
    parameters,
    returnType: "void",
    statements: [{ kind: "text", lines }],
  };
}

/** The lines of the model file that a kernel comes from, each quoted once. */
function sourceLines(origins: readonly Origin[]): string[] {
  const seen = new Map<string, string>();
  for (const { span, role } of origins) {
    if (!span) continue;
    const { line } = positionAt(span.source, span.start);
    const source = span.source.text.split("\n")[line - 1]!.trim();
    const file = span.source.path.split("/").at(-1)!;
    const key = `${file}:${line}`;
    if (!seen.has(key)) seen.set(key, `${file}:${line} (${role}): ${comment(source)}`);
  }
  return [...seen.values()].slice(0, 4);
}

// ---- The trainer's methods ----

interface TensorPlace {
  readonly type: TensorType;
  readonly offset: number;
  readonly writable: boolean;
}

/** All that `read` knows, by name: slots, model outputs and kept gradients. */
function tensors(unit: Unit): Map<string, TensorPlace> {
  const found = new Map<string, TensorPlace>();
  for (const [key, placement] of unit.plan.persistent) {
    const [kind] = key.split(":", 1);
    const name = key.slice(kind!.length + 1);
    if (kind === "slot" || kind === "file")
      found.set(name, { type: placement.type, offset: placement.offset, writable: true });
    if (kind === "output" && !found.has(name) && scalarPlaceOf(unit, name) === undefined) {
      found.set(name, { type: placement.type, offset: placement.offset, writable: false });
    }
  }
  return found;
}

/** All buffers that a driver fills: the trained model's columns, and the inputs of further models. */
const inputsOf = ({ columns, entries = [] }: Manifest): readonly ColumnManifest[] => [
  ...columns,
  ...entries.flatMap((entry) => entry.inputs),
];

function api(unit: Unit): StatementDoc[] {
  const table = [...tensors(unit)];
  const inputs = inputsOf(unit.manifest).map((column) => {
    const placement = unit.plan.persistent.get(`column:${column.name}`)!;
    const length = placement.bytes / bytesPer(placement.type.dtype);
    return `  ${objectKey(column.name)}: new ${arrays[column.dtype]}(arena, ${placement.offset}, ${length}), // ${comment(typeText(placement.type))}`;
  });
  const index = [...unit.scalars.names].map(([name, place]) => `${objectKey(name)}: ${place}`);
  const has = (name: string): boolean => unit.programs.some((p) => p.name === name);
  const call = (method: string, program: string): StatementDoc => ({
    kind: "function",
    name: method,
    docs: [],
    parameters: [{ name: "rows", type: "number" }],
    returnType: "void",
    statements: [
      {
        kind: "text",
        lines: has(program)
          ? ["checkRows(rows);", "lastRows = rows;", `${runName(program)}(rows);`]
          : [`throw new Error("this model has no loss, so there is nothing to ${method}");`],
      },
    ],
  });
  const dense = table.every(([, t]) => isDense(t.type.shape));
  return [
    {
      kind: "text",
      lines: ["const inputs = {", ...inputs, "};"],
    },
    {
      kind: "function",
      name: "checkRows",
      docs: [],
      parameters: [{ name: "rows", type: "number" }],
      returnType: "void",
      statements: [
        {
          kind: "text",
          lines: [
            `if (!(Number.isInteger(rows) && rows >= 1 && rows <= ${unit.batch})) {`,
            `  throw new RangeError(\`rows must be a whole number from 1 to ${unit.batch}, not \${rows}\`);`,
            "}",
          ],
        },
      ],
    },
    call("step", "step"),
    call("evaluate", "evaluate"),
    call("predict", "predict"),
    ...entryNames(unit).map(({ method, program }) => call(method, program)),
    ...(dense ? [] : [compactDoc]),
    {
      kind: "function",
      name: "read",
      docs: [],
      parameters: [{ name: "name", type: "string" }],
      returnType: "Float32Array | Int32Array | Uint8Array",
      statements: [
        {
          kind: "text",
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
        },
      ],
    },
    {
      kind: "function",
      name: "write",
      docs: [],
      parameters: [
        { name: "name", type: "string" },
        { name: "values", type: "ArrayLike<number>" },
      ],
      returnType: "void",
      statements: [
        {
          kind: "text",
          lines: [
            "switch (name) {",
            ...table
              .filter(([, t]) => t.writable)
              .flatMap(([name, t]) => [
                `  case ${quote(name)}:`,
                `    return fill(${views[t.type.dtype]}, ${t.offset / bytesPer(t.type.dtype)}, ${elementCount(t.type.shape)}, name, values);`,
              ]),
            "  default:",
            "    throw new RangeError(`no parameter or state is called ${name}`);",
            "}",
          ],
        },
      ],
    },
    {
      kind: "function",
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
      statements: [
        {
          kind: "text",
          lines: [
            "if (values.length !== size) throw new RangeError(`${name} has ${size} elements, not ${values.length}`);",
            "view.set(values, offset);",
          ],
        },
      ],
    },
    {
      kind: "text",
      lines: [
        `${runName("init")}(${unit.batch});`,
        `return { inputs, scalars, index: { ${index.join(", ")} }, read, write, step, evaluate, predict${entryNames(
          unit,
        )
          .map((e) => `, ${e.method}`)
          .join("")} };`,
      ],
    },
  ];
}

/** A copy of a tensor: one slice where its elements lie without gaps at every N. */
function readText({ type, offset }: TensorPlace, batch: number): string {
  const view = views[type.dtype];
  const start = offset / bytesPer(type.dtype);
  const { shape } = type;
  if (!isDense(shape)) {
    const sizes = shape.map((d) => (isStatic(d) ? String(d) : d.perRow === 1 ? "lastRows" : `${d.perRow} * lastRows`));
    return `compact(${view}, ${start}, [${sizes.join(", ")}], [${stridesOf(shape, batch).join(", ")}])`;
  }
  if (shape.every(isStatic)) return `${view}.slice(${start}, ${start + elementCount(shape)})`;
  const perRow = elementCount(shape.map((d) => (isStatic(d) ? d : d.perRow)));
  return `${view}.slice(${start}, ${start} + lastRows${perRow === 1 ? "" : ` * ${perRow}`})`;
}

const elementCount = (shape: Shape): number => shape.reduce<number>((k, d) => k * dimAt(d, 1), 1);

const compactDoc: StatementDoc = {
  kind: "function",
  name: "compact",
  docs: ["A tensor whose rows are spaced for the largest batch, without the gaps."],
  parameters: [
    { name: "view", type: "Float32Array | Int32Array | Uint8Array" },
    { name: "offset", type: "number" },
    { name: "sizes", type: "readonly number[]" },
    { name: "strides", type: "readonly number[]" },
  ],
  returnType: "Float32Array | Int32Array | Uint8Array",
  statements: [
    {
      kind: "text",
      lines: [
        "const packed = view.slice(0, sizes.reduce((a, b) => a * b, 1));",
        "for (let i = 0; i < packed.length; i++) {",
        "  let rest = i;",
        "  let place = offset;",
        "  for (let d = sizes.length - 1; d >= 0; d--) {",
        "    const size = sizes[d] ?? 1;",
        "    place += (rest % size) * (strides[d] ?? 0);",
        "    rest = Math.floor(rest / size);",
        "  }",
        "  packed[i] = view[place] ?? 0;",
        "}",
        "return packed;",
      ],
    },
  ],
};

// ---- Text from names ----

/** Model text inside a comment: no line breaks, no end of comment. */
export const comment = (text: string): string =>
  text
    .replace(/[^\x20-\x7e]/g, "?")
    .replaceAll("*/", "* /")
    .slice(0, 160);

/** A JSON value as the lines of a literal, short ones on one line. */
export function literal(value: unknown, depth: number): string[] {
  const flat = flatLiteral(value);
  if (flat.length + depth * 2 <= 100 || typeof value !== "object" || value === null) return [flat];
  const inner = Array.isArray(value)
    ? value.map((v) => literal(v, depth + 1))
    : Object.entries(value).map(([k, v]) => {
        const [first, ...rest] = literal(v, depth + 1);
        return [`${objectKey(k)}: ${first}`, ...rest];
      });
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  return [
    open,
    ...inner.flatMap((lines) => lines.map((line, i) => `  ${line}${i === lines.length - 1 ? "," : ""}`)),
    close,
  ];
}

function flatLiteral(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number" && !Number.isFinite(value))
    return value > 0 ? "Infinity" : value < 0 ? "-Infinity" : "NaN";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(flatLiteral).join(", ")}]`;
  return `{ ${Object.entries(value)
    .map(([k, v]) => `${objectKey(k)}: ${flatLiteral(v)}`)
    .join(", ")} }`;
}

// Unit -> the text of one WebAssembly module: a function per kernel, and an exported one per program that calls them in order.
// The memory comes from outside. Knows where everything lies, not how loops are printed.
import { keyHash } from "../../base/random.ts";
import type { Dim } from "../../ir/types.ts";
import type { Unit } from "../compile.ts";
import { kernelDocs, naiveDoc, programSummary, runName } from "../kernel-docs.ts";
import type { Part, Procedure } from "../loops.ts";
import { bytesPer, type Program } from "../plan.ts";
import type { SharedFunction } from "../share-kernels.ts";
import { printLoops as printTypeScript } from "../ts/print-loops.ts";
import { comment as plainText } from "../ts/text.ts";
import { barriersOf } from "./barriers.ts";
import { functionsFor, hasFunction } from "./functions.ts";
import { type MemoryMap, memoryMap, scalarAddress } from "./memory.ts";
import { orderData } from "./orders.ts";
import { argumentOf, type Binding, printLoops } from "./print-loops.ts";
import { teamFunctions } from "./team.ts";
import { linesOf } from "./text.ts";

/** Texts are long, and asked for twice: to be assembled, and for what they import. */
const texts = new WeakMap<Unit, string>();

export function watText(unit: Unit): string {
  const known = texts.get(unit) ?? printModule(unit, false);
  texts.set(unit, known);
  return known;
}

/** The same with each kernel exported, and programs that call none: their caller does (`kernelCalls`), and may look at a clock between. */
export const watTextApart = (unit: Unit): string => printModule(unit, true);

function printModule(unit: Unit, apart: boolean): string {
  const memory = memoryMap(unit);
  const called = new Set<string>();
  const kernels = unit.kernels.functions.map((f) => kernelText(memory, f, called, apart));
  const programs = unit.programs.map((program) => programText(unit, memory, program, called, apart));
  const helpers = [...functionsFor(called).values()];
  const ofKind = (kind: string): string[] => helpers.filter((text) => text.startsWith(`(${kind} `));
  const [imports, globals] = [ofKind("import"), ofKind("global")];
  const bodies = helpers.filter((text) => !imports.includes(text) && !globals.includes(text));
  const { team } = memory;
  const isShared = team === undefined ? "" : " shared";
  const parts = [
    [
      "(module",
      `  ;; ${plainText(unit.manifest.model)}: the kernels of a training program, compiled by nnc.`,
      `  ;; ${unit.plan.bytes} bytes of arena from 0, then ${memory.scalarCount} scalars as f64.`,
      // Before the imports: those have types too, and types are numbered as they come.
      ...(team === undefined ? [] : ["  (type $program (func (param i32 i32 i32)))"]),
      `  (import "env" "memory" (memory ${memory.pages} ${memory.pages}${isShared}))`,
      ...imports.map((text) => `  ${text}`),
      ...(team === undefined ? [] : teamHead(unit)),
    ].join("\n"),
    ...[
      globals.join("\n"),
      memory.orders === undefined ? "" : orderData(memory.orders),
      ...bodies,
      ...(team === undefined ? [] : teamFunctions(team)),
      ...kernels,
      ...programs,
    ]
      .filter((text) => text !== "")
      .map(indented),
  ];
  return `${parts.join("\n\n")})\n`;
}

/** Whether a thread may sleep while it waits, and what workers may be called to. */
const teamHead = ({ programs }: Unit): string[] => [
  '  (import "env" "sleeps" (global $sleeps i32))',
  `  (table $programs funcref (elem${programs.map(({ name }) => ` ${sharedName(name)}`).join("")}))`,
];

/** The function by which each thread does its part of a program. */
const sharedName = (program: string): string => `$share.${runName(program)}`;

/** The names of functions that the module takes from outside. */
export const importsOf = (text: string): string[] =>
  [...text.matchAll(/^ {2}\(import "env" "(\w+)" \(func/gm)].map(([, name]) => name!);

const indented = (text: string): string =>
  text
    .split("\n")
    .map((line) => (line === "" ? "" : `  ${line}`))
    .join("\n");

/** No kernel takes the name of a function that it may call. */
const idOf = (name: string): string => `$${name}${hasFunction(name) ? ".kernel" : ""}`;

/** What the names at a kernel's head stand for, as bytes from the start of memory. */
function addressesOf(memory: MemoryMap, shared: SharedFunction): Map<string, (number: number) => number> {
  const { buffers, hosts, streams } = shared.procedure;
  return new Map([
    ...buffers.map((b) => [b.name, (offset: number) => offset * bytesPer(b.storage)] as const),
    ...hosts.map((h) => [h.name, (place: number) => scalarAddress(memory, place)] as const),
    ...streams.map((s) => [s.a, (key: number) => scalarAddress(memory, memory.streams.get(key)!)] as const),
  ]);
}

function kernelText(memory: MemoryMap, shared: SharedFunction, called: Set<string>, exported: boolean): string {
  const { procedure, bindings } = shared;
  const addresses = addressesOf(memory, shared);
  const bound = new Map<string, Binding>(
    [...bindings].map(([name, number]) => [name, number === "argument" ? number : addresses.get(name)!(number)]),
  );
  const isBuffer = new Set(procedure.buffers.map((b) => b.name));
  const parameters = [...bound].flatMap(([name, binding]) => {
    if (binding !== "argument") return [];
    return [isBuffer.has(name) ? name : argumentOf(name)];
  });
  const callee = (name: string): string => {
    called.add(name);
    return name;
  };
  const { locals, texts } = printLoops(procedure, bound, callee, memory.orders);
  const naive = procedure.naive ? printTypeScript({ ...procedure, body: procedure.naive }) : [];
  const places = procedure.buffers.map(({ name, comment }) => `${name}: ${comment} at ${where(bound.get(name)!)}`);
  return [
    ...kernelDocs(shared).map((line) => `;; ${line}`),
    ...places.map((line) => `;; ${plainText(line)}`),
    ...(naive.length > 0 ? [`;; ${naiveDoc}`, ...naive.map((line) => `;;   ${line}`)] : []),
    `(func ${idOf(shared.name)} ${exported ? `(export "${shared.name}") ` : ""}${["N", ...partNames(procedure), ...parameters].map((name) => `(param $${name} i32)`).join(" ")}`,
    ...localLines(locals),
    `${texts
      .flatMap(linesOf)
      .map((line) => `  ${line}`)
      .join("\n")})`,
  ].join("\n");
}

const partNames = ({ part }: Procedure): string[] => (part ? [part.from, part.to] : []);

const where = (binding: Binding): string => (binding === "argument" ? "an argument" : String(binding));

/** Those of one type on one line, as far as they fit. */
function localLines(locals: readonly { readonly name: string; readonly type: string }[]): string[] {
  const lines: string[] = [];
  for (const { name, type } of locals) {
    const text = `(local $${name} ${type})`;
    const last = lines.at(-1);
    if (last !== undefined && last.length + text.length < 110) lines[lines.length - 1] = `${last} ${text}`;
    else lines.push(`  ${text}`);
  }
  return lines;
}

interface KernelCall {
  readonly name: string;
  readonly part: Part | undefined;
  /** What it takes after N and its part: places in memory. */
  readonly places: readonly number[];
}

/** The kernels of a program, in order. */
export function kernelCalls(unit: Unit, memory: MemoryMap, program: string): KernelCall[] {
  const functions = new Map(unit.kernels.functions.map((f) => [f.name, f]));
  return unit.kernels.calls.get(program)!.map(({ name, args }) => {
    const shared = functions.get(name)!;
    const addresses = addressesOf(memory, shared);
    const varying = [...shared.bindings].filter(([, number]) => number === "argument").map(([head]) => head);
    const places = args.map((arg, i) => addresses.get(varying[i]!)!(arg));
    return { name, part: shared.procedure.part, places };
  });
}

function programText(
  unit: Unit,
  memory: MemoryMap,
  program: Unit["programs"][number],
  called: Set<string>,
  apart: boolean,
): string {
  const streams = streamLines(unit, memory, program);
  if (streams.length > 0) called.add("stream");
  const ownCalls = apart ? [] : kernelCalls(unit, memory, program.name);
  const calls = ownCalls.map(({ name, part, places }): KernelText => {
    const within = part ? ["(local.get $from)", "(local.get $to)"] : [];
    const constants = places.map((place) => `(i32.const ${place})`);
    const text = ["(call", idOf(name), "(local.get $N)", ...within, ...constants].join(" ");
    return part ? { text: `${text})`, part } : { text: `${text})` };
  });
  const summary = `;; ${programSummary(program.name)}`;
  const head = `(func (export "${runName(program.name)}") (param $N i32)`;
  if (memory.team === undefined)
    return [summary, `${[head, ...streams, ...calls.map(({ text }) => `  ${text}`)].join("\n")})`].join("\n");
  const number = unit.programs.indexOf(program);
  return [
    summary,
    ...sharedLines(program, calls, barriersOf(program, unit.plan, unit.batch)),
    head,
    ...streams,
    `  (call ${sharedName(program.name)}`,
    `    (local.get $N) (i32.const 0) (call $gather (local.get $N) (i32.const ${number}))))`,
  ].join("\n");
}

interface KernelText {
  readonly text: string;
  readonly part?: Part;
}

/** What each of the threads does: its part of some kernels, the first one all of the others. */
function sharedLines({ name }: Program, calls: readonly KernelText[], barriers: ReadonlySet<number>): string[] {
  const lines = [
    `(func ${sharedName(name)} (param $N i32) (param $thread i32) (param $threads i32)`,
    "  (local $from i32) (local $to i32)",
    "  (block $ended",
  ];
  const wait = "(call $barrier (local.get $threads))";
  for (const [k, { text, part }] of calls.entries()) {
    if (barriers.has(k)) lines.push(`    (br_if $ended ${wait})`);
    if (!part) {
      lines.push(`    (if (i32.eqz (local.get $thread)) (then ${text}))`);
      continue;
    }
    const edge = (thread: string): string =>
      `(call $part ${dimText(part.extent)} (i32.const ${part.unit}) ${thread} (local.get $threads))`;
    lines.push(
      `    (local.set $from ${edge("(local.get $thread)")})`,
      `    (local.set $to ${edge("(i32.add (local.get $thread) (i32.const 1))")})`,
      `    (if (i32.lt_s (local.get $from) (local.get $to)) (then ${text}))`,
    );
  }
  return [...lines, `    (drop ${wait})))`];
}

const dimText = (dim: Dim): string =>
  typeof dim === "number" ? `(i32.const ${dim})` : `(i32.mul (i32.const ${dim.perRow}) (local.get $N))`;

/** Makes the words of the random streams that a program draws from. */
function streamLines(unit: Unit, memory: MemoryMap, { name, procedures }: Unit["programs"][number]): string[] {
  const keys = new Map(procedures.flatMap((p) => p.streams).map(({ key }) => [keyHash(key), key]));
  const number = (place: number): string => `(f64.load offset=${scalarAddress(memory, place)} (i32.const 0))`;
  const step = name === "init" ? "(f64.const 0)" : number(unit.scalars.names.get("step")!);
  return [...keys].flatMap(([hash, key]) => [
    `  ;; ${plainText(key)}`,
    `  (call $stream (i32.const ${scalarAddress(memory, memory.streams.get(hash)!)}) ${number(memory.seed)} ${step} (i32.const ${hash}))`,
  ]);
}

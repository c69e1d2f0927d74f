// Kernels that differ only in where their operands lie become one function with offsets as arguments, so that emitted bytes grow
// with the number of different kernels: twelve equal blocks are one block's code. Contract: exact.
import { keyHash } from "../base/random.ts";
import type { ValueId } from "../ir/stage.ts";
import type { HostProgram } from "./host.ts";
import type { Procedure } from "./loops.ts";
import { NameScope } from "./names.ts";
import { bytesPer, type Plan, type Program } from "./plan.ts";

/** One emitted function. */
export interface SharedFunction {
  readonly name: string;
  /** The program whose kernel came first. */
  readonly program: string;
  readonly procedure: Procedure;
  /** What a name at the head of the procedure stands for: a number, or an argument. */
  readonly bindings: ReadonlyMap<string, number | "argument">;
  /** How many calls there are. */
  readonly calls: number;
}

export interface KernelCall {
  readonly name: string;
  /** After N: offsets in elements, places of scalars, stream keys. */
  readonly args: readonly number[];
}

export interface SharedKernels {
  readonly functions: readonly SharedFunction[];
  /** Per program, in the order in which kernels run. */
  readonly calls: ReadonlyMap<string, readonly KernelCall[]>;
}

interface Member {
  readonly program: string;
  readonly procedure: Procedure;
  /** Head names with their numbers: buffers, then host values, then streams. */
  readonly head: readonly (readonly [name: string, number: number])[];
}

type HostedProgram = Program & { readonly host: HostProgram };

/** Literal offsets are faster than arguments, so the training step keeps a kernel to itself unless it would repeat it this often. */
export const leastCalls = (program: string): number => (program === "step" ? 3 : 2);

export function shareKernels(programs: readonly HostedProgram[], plan: Plan): SharedKernels {
  const groups = new Map<string, Member[]>();
  for (const program of programs) {
    for (const procedure of program.procedures) {
      const member = {
        program: program.name,
        procedure,
        head: headOf(program, procedure, plan),
      };
      const place = program.name === "step" ? "step" : "other";
      const shape = `${place} ${procedure.key}`;
      groups.set(shape, [...(groups.get(shape) ?? []), member]);
    }
  }
  const names = new NameScope();
  const functions: SharedFunction[] = [];
  const callOf = new Map<Procedure, KernelCall>();
  for (const [shape, members] of groups) {
    const apart = members.length < leastCalls(shape.startsWith("step") ? "step" : "other");
    for (const same of apart ? members.map((m) => [m]) : [members]) {
      const first = same[0]!;
      const varies = first.head.map((_, i) => same.some((m) => m.head[i]![1] !== first.head[i]![1]));
      const name = names.unique(nameIn(first.program, first.procedure));
      functions.push({
        name,
        program: first.program,
        procedure: first.procedure,
        bindings: new Map(first.head.map(([name, number], i) => [name, varies[i] ? "argument" : number])),
        calls: same.length,
      });
      for (const member of same) {
        callOf.set(member.procedure, {
          name,
          args: member.head.flatMap(([, number], i) => (varies[i] ? [number] : [])),
        });
      }
    }
  }
  return {
    functions,
    calls: new Map(programs.map((p) => [p.name, p.procedures.map((procedure) => callOf.get(procedure)!)])),
  };
}

/** The step's kernels go by their own names; those of other programs have their program's before them. */
const nameIn = (program: string, { name }: Procedure): string =>
  program === "step" ? name : `${program.replace(/^entry:/, "")}_${name}`;

function headOf(program: HostedProgram, procedure: Procedure, plan: Plan): Member["head"] {
  const offsets = plan.offsets.get(program.name)!;
  const offsetOf = (value: ValueId): number => offsets.get(value)!;
  return [
    ...procedure.buffers.map((b) => [b.name, offsetOf(b.value) / bytesPer(b.storage)] as const),
    ...procedure.hosts.map((h) => [h.name, program.host.places.get(h.value)!] as const),
    ...procedure.streams.map((s) => [s.a, keyHash(s.key)] as const),
  ];
}

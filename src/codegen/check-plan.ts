// The checker of memory plans: replays each program over the planned addresses and finds every read of bytes that something else
// has overwritten. Shares no code with the planner; what it reads is the loops, not the schedule.
import type { ValueId } from "../ir/stage.ts";
import { type Loop, type Procedure, partsOf, type Scalar } from "./loops.ts";
import { bytesOf, type Plan, type Program } from "./plan.ts";

/** Bytes of the arena. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** What is wrong with a plan, in words; empty for a sound one. */
export function checkPlan(programs: readonly Program[], plan: Plan, batch: number): string[] {
  const faults: string[] = [];
  for (const program of programs) {
    const offsets = plan.offsets.get(program.name)!;
    // Asked once per pair of live values: each is worked out once.
    const spans = new Map<ValueId, Span>();
    const span = (value: ValueId): Span => {
      const known = spans.get(value);
      if (known) return known;
      const from = offsets.get(value);
      if (from === undefined) throw new Error(`${program.name}: value ${value} has no address`);
      const made = { from, to: from + bytesOf(program.schedule.values[value]!, batch) };
      spans.set(value, made);
      return made;
    };
    /** Temporaries whose bytes are theirs at this moment. */
    const whole = new Set<ValueId>();
    for (const procedure of program.procedures) {
      const { reads, writes, sums } = accesses(procedure);
      for (const value of [...reads, ...writes]) {
        const { from, to } = span(value);
        if (from < 0 || to > plan.bytes)
          faults.push(`${program.name}/${procedure.name}: ${nameOf(program, value)} lies outside the arena`);
      }
      for (const value of reads) {
        const temporary = program.schedule.values[value]!.home.kind === "temp";
        if (temporary && !whole.has(value) && !writes.has(value)) {
          faults.push(
            `${program.name}/${procedure.name} reads ${nameOf(program, value)} after its bytes were overwritten or before they were written`,
          );
        }
        for (const other of writes) {
          if (overlap(span(value), span(other)) && !sameSlot(program, value, other)) {
            faults.push(
              `${program.name}/${procedure.name} reads ${nameOf(program, value)} and writes ${nameOf(program, other)} in the same bytes`,
            );
          }
        }
      }
      for (const value of sums) {
        if (program.schedule.values[value]!.home.kind === "temp" && !whole.has(value)) {
          faults.push(`${program.name}/${procedure.name} adds to ${nameOf(program, value)} before it is set`);
        }
      }
      for (const value of writes) {
        const own = span(value);
        const home = program.schedule.values[value]!.home.kind;
        const mayChange = program.name === "init" || program.name === "step" || home !== "slot";
        if (!mayChange || home === "column" || home === "constant" || home === "file") {
          faults.push(`${program.name}/${procedure.name} writes ${nameOf(program, value)}, which it may not change`);
        }
        for (const other of whole) if (overlap(own, span(other))) whole.delete(other);
        for (const other of writes) {
          if (other < value && overlap(own, span(other))) {
            faults.push(
              `${program.name}/${procedure.name} writes ${nameOf(program, value)} and ${nameOf(program, other)} in the same bytes`,
            );
          }
        }
        if (home === "temp") whole.add(value);
      }
    }
  }
  return faults;
}

const nameOf = (program: Program, value: ValueId): string => program.schedule.values[value]!.name;

const overlap = (a: Span, b: Span): boolean => a.from < b.to && b.from < a.to;

function sameSlot(program: Program, a: ValueId, b: ValueId): boolean {
  if (a === b) return true;
  const x = program.schedule.values[a]!.home;
  const y = program.schedule.values[b]!.home;
  return x.kind === "slot" && y.kind === "slot" && x.slot === y.slot;
}

interface Accesses {
  readonly reads: ReadonlySet<ValueId>;
  readonly writes: ReadonlySet<ValueId>;
  /** Values that are added to before the procedure sets them. */
  readonly sums: ReadonlySet<ValueId>;
}

/** The values that a procedure's loops load from and store to. */
function accesses(procedure: Procedure): Accesses {
  const values = new Map(procedure.buffers.map((b) => [b.name, b.value]));
  const reads = new Set<ValueId>();
  const writes = new Set<ValueId>();
  const sums = new Set<ValueId>();
  const scalars: Scalar[] = [];
  // In order, last first: what is set before it is added to is no sum of old bytes.
  const loops: Loop[] = procedure.body.toReversed();
  for (let loop = loops.pop(); loop; loop = loops.pop()) {
    if (loop.kind === "for") {
      scalars.push(loop.from, loop.to);
      loops.push(...loop.body.toReversed());
    } else if (loop.kind === "if") {
      scalars.push(loop.condition);
      loops.push(...loop.body.toReversed());
    } else if (loop.kind === "let" || loop.kind === "assign") scalars.push(loop.value);
    else if (loop.kind === "clear") writes.add(values.get(loop.buffer)!);
    else if (loop.kind === "store") {
      const value = values.get(loop.buffer)!;
      if (loop.add && !writes.has(value)) sums.add(value);
      writes.add(value);
      scalars.push(loop.value, ...loop.at.computed.map((c) => c.value));
    }
  }
  for (let scalar = scalars.pop(); scalar; scalar = scalars.pop()) {
    if (scalar.kind === "load") reads.add(values.get(scalar.buffer)!);
    scalars.push(...partsOf(scalar));
  }
  return { reads, writes, sums };
}

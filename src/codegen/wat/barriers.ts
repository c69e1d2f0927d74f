// Before which kernels of a program the threads wait for each other: where one reads or overwrites bytes that another thread wrote,
// or overwrites what it reads. Looks at addresses, so that bytes used twice are seen. Knows no WebAssembly.
import { writesOf } from "../expr.ts";
import { bytesOf, type Plan, type Program } from "../plan.ts";
import { storageOf } from "../schedule.ts";

interface Span {
  readonly from: number;
  readonly to: number;
}

/** What a kernel touches of the arena. */
interface Access {
  readonly touched: readonly Span[];
  readonly written: readonly Span[];
  readonly isShared: boolean;
}

/** The kernels, by number, before which all threads must have done those before. */
export function barriersOf(program: Program, plan: Plan, batch: number): ReadonlySet<number> {
  const barriers = new Set<number>();
  let since: Access[] = [];
  for (const k of program.procedures.keys()) {
    const access = accessOf(program, plan, batch, k);
    if (since.some((before) => mustWait(before, access))) {
      barriers.add(k);
      since = [];
    }
    since.push(access);
  }
  return barriers;
}

/** What one thread does alone is done in order anyway. */
const mustWait = (a: Access, b: Access): boolean =>
  (a.isShared || b.isShared) && (overlap(a.written, b.touched) || overlap(a.touched, b.written));

const overlap = (some: readonly Span[], others: readonly Span[]): boolean =>
  some.some((a) => others.some((b) => a.from < b.to && b.from < a.to));

function accessOf({ name, schedule, procedures }: Program, plan: Plan, batch: number, k: number): Access {
  const offsets = plan.offsets.get(name)!;
  const procedure = procedures[k]!;
  const spanOf = (value: number): Span => {
    const from = offsets.get(value)!;
    return { from, to: from + bytesOf(schedule.values[value]!, batch) };
  };
  const stored = new Set(schedule.kernels[k]!.stages.flatMap(writesOf).map((id) => storageOf(schedule, id).id));
  return {
    touched: procedure.buffers.map(({ value }) => spanOf(value)),
    // What never reaches memory has no address.
    written: [...stored].filter((value) => offsets.has(value)).map(spanOf),
    isShared: procedure.part !== undefined,
  };
}

// What a program costs, kernel by kernel: arithmetic and bytes, counted from stages and buffers at the largest batch.
import { shareOf } from "../codegen/bands.ts";
import type { Unit } from "../codegen/compile.ts";
import { visitExpr } from "../codegen/expr.ts";
import { bytesOf } from "../codegen/plan.ts";
import type { PlacedStage } from "../codegen/schedule.ts";
import type { Origin } from "../ir/graph.ts";
import type { Axis, Expr } from "../ir/stage.ts";
import { dimAt } from "../ir/types.ts";

export interface KernelCost {
  /** The emitted function that runs it. */
  readonly name: string;
  /** Additions, multiplications, calls of functions: one each. */
  readonly flops: number;
  /** Each buffer it touches, once. */
  readonly bytes: number;
  /** Why its loops are as they are. */
  readonly why: string;
  readonly origins: readonly Origin[];
}

export type UnitProgram = Unit["programs"][number];

export const programOf = (unit: Unit, name: string): UnitProgram | undefined =>
  unit.programs.find((program) => program.name === name);

export function kernelCosts(unit: Unit, program: UnitProgram): KernelCost[] {
  const calls = unit.kernels.calls.get(program.name)!;
  return program.schedule.kernels.map((kernel, k) => {
    const procedure = program.procedures[k]!;
    const values = new Set(procedure.buffers.map(({ value }) => value));
    return {
      name: calls[k]!.name,
      flops: kernel.stages.reduce((sum, stage) => sum + flopsOf(stage, unit.batch), 0),
      bytes: [...values].reduce((sum, id) => sum + bytesOf(program.schedule.values[id]!, unit.batch), 0),
      why: program.recipes[k]!.why,
      origins: procedure.origins,
    };
  });
}

function flopsOf(stage: PlacedStage, batch: number): number {
  const { axes, reduce, body, epilogue } = stage;
  const count = (visited: readonly Axis[]): number =>
    visited.reduce((n, axis) => n * dimAt(axis.extent, batch), shareOf({ ...stage, axes: visited }));
  const each = operationsOf(body) + (reduce ? 1 : 0);
  const results = axes.filter((axis) => axis.kind === "parallel");
  return Math.round(count(axes) * each + (epilogue ? count(results) * operationsOf(epilogue) : 0));
}

function operationsOf(expr: Expr): number {
  let operations = 0;
  visitExpr(expr, (part) => {
    if (part.kind === "call" && part.fn !== "cast") operations++;
  });
  return operations;
}

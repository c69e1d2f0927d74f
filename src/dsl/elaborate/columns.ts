// Columns of the data: inputs of a model and new columns of the loss. Bytes enter as stored and are scaled in the graph.
import { diagnose } from "../../base/diagnostic.ts";
import { limits as limitCodes } from "../../base/diagnostics/limits.ts";
import { model } from "../../base/diagnostics/model.ts";
import type { ColumnInfo } from "../../ir/module.ts";
import { countAt, typeText } from "../../ir/types.ts";
import type { Param } from "../ast.ts";
import { tensorValue, type Value } from "../values.ts";
import { type ColumnFacts, type Frame, originOf, report } from "./context.ts";
import { writtenType } from "./signature.ts";

export interface Column {
  readonly info: ColumnInfo;
  readonly value: Value;
}

/** What the data set says of each column: by name where it names them, else in order. */
export class ColumnSource {
  private readonly facts: readonly ColumnFacts[];
  private next = 0;

  constructor(facts: readonly ColumnFacts[] | undefined) {
    this.facts = facts ?? [];
  }

  take(name: string): ColumnFacts | undefined {
    const named = this.facts.find((column) => column.name === name);
    if (named || this.facts.some((column) => column.name !== undefined)) return named;
    return this.facts[this.next++];
  }
}

/** The column that a parameter of a model or of the loss declares; undefined after a report. */
export function declareColumn(
  frame: Frame,
  param: Param,
  role: ColumnInfo["role"],
  source: ColumnSource,
): Column | undefined {
  const name = param.name.text;
  const facts = source.take(name);
  if (!param.type) {
    report(frame, diagnose(model, "model/column-type", param.name.span, { name, role }));
    return undefined;
  }
  if (param.default) {
    report(frame, diagnose(model, "model/column-default", param.default.span, { name }));
  }
  const type = writtenType(frame, param.type);
  if (!type) return undefined;
  const { session, builder } = frame.pass;
  const needed = countAt(type.shape, session.options.batch ?? 1) * 4;
  if (needed > session.limits.bytes) {
    const limit = session.limits.bytes;
    report(
      frame,
      diagnose(limitCodes, "limit/size", param.type.span, { name, type: typeText(type), bytes: needed, limit }),
    );
    return undefined;
  }
  const bytes = facts?.storage === "u8" && type.dtype === "f32";
  const stored = { dtype: bytes ? ("u8" as const) : type.dtype, shape: type.shape };
  const origin = { ...originOf(frame, param.span), label: name };
  const node = builder.withOrigins([origin], () => {
    const slot = { name, dtype: stored.dtype, shape: stored.shape };
    const column = builder.node("input", [], type.classes === undefined ? slot : { ...slot, classes: type.classes });
    if (!bytes) return column;
    // A pixel is float(byte) / 255.
    const float = builder.node("cast", [column], { to: "f32" });
    return builder.node("div", [float, builder.node("const", [], { value: 255, dtype: "f32" })]);
  });
  const info: ColumnInfo = {
    name,
    type: stored,
    role,
    origin,
    ...(type.classes === undefined ? {} : { classes: type.classes }),
    ...(facts?.zeros === undefined ? {} : { zeros: facts.zeros }),
  };
  return { info, value: tensorValue(builder, node) };
}

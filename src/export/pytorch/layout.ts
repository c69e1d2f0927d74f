// Ops that move elements as Python expressions: transposes, reshapes, slices, borders.
import { type Dim, isStatic, type Shape, sameShape } from "../../ir/types.ts";
import { atom, call, type Piece, type Site, tensor, torchType } from "./pieces.ts";
import { pythonNumber, pythonTuple } from "./words.ts";

export function transpose(site: Site): Piece {
  const perm = site.node.attrs["perm"] as readonly number[];
  const x = tensor(site, 0);
  if (perm.length === 0) return site.args[0]!;
  const last = perm.length - 1;
  const swapsLast = last >= 1 && perm.every((axis, k) => axis === (k === last ? last - 1 : k === last - 1 ? last : k));
  if (swapsLast) return atom(last === 1 ? `${x}.T` : `${x}.transpose(-1, -2)`);
  return atom(`${x}.permute(${perm.join(", ")})`);
}

/** The sizes of a reshape: at most one is not known, and that one is -1. */
const sizesText = (site: Site, shape: Shape): string => {
  const open = shape.filter((dim) => !isStatic(dim)).length;
  const isEmpty = shape.includes(0);
  return shape.map((dim) => (!isStatic(dim) && open === 1 && !isEmpty ? "-1" : site.size(dim))).join(", ");
};

export const reshape = (site: Site): Piece =>
  atom(`${tensor(site, 0)}.reshape(${sizesText(site, site.node.type.shape) || "()"})`);

export function broadcast(site: Site): Piece {
  const { shape, dtype } = site.node.type;
  const [x] = site.args;
  if (!x!.host) return atom(`${tensor(site, 0)}.expand(${site.shape(shape)})`);
  const type = dtype === "f32" ? "" : `, dtype=${torchType(dtype)}`;
  if (dtype === "f32" && Number(x!.text) === 0) return call("torch.zeros", `${site.shape(shape)}${site.device}`);
  if (dtype === "f32" && Number(x!.text) === 1) return call("torch.ones", `${site.shape(shape)}${site.device}`);
  const value = dtype === "f32" ? x!.text : dtype === "bool" ? `bool(${x!.text})` : `int(${x!.text})`;
  return call("torch.full", site.shape(shape), `${value}${type}${site.device}`);
}

export function slice(site: Site): Piece {
  const { starts, sizes } = site.node.attrs as unknown as { starts: readonly Dim[]; sizes: readonly Dim[] };
  const { shape } = site.inputs[0]!.type;
  const isWhole = (d: number): boolean => starts[d] === 0 && sameShape([sizes[d]!], [shape[d]!]);
  const parts = sizes.map((size, d) => {
    const from = starts[d]!;
    if (isWhole(d)) return ":";
    if (isStatic(from) && isStatic(size)) return `${from}:${from + size}`;
    return `${site.size(from)}:${site.size(from)} + ${site.size(size)}`;
  });
  const last = parts.findLastIndex((part) => part !== ":");
  const first = parts.findIndex((part) => part !== ":");
  if (last < 0) return site.args[0]!;
  const shown = first === parts.length - 1 && first > 1 ? `..., ${parts[first]}` : parts.slice(0, last + 1).join(", ");
  return atom(`${tensor(site, 0)}[${shown}]`);
}

export function pad(site: Site): Piece {
  const { pairs, value } = site.node.attrs as unknown as { pairs: readonly (readonly Dim[])[]; value: number };
  const { dtype } = site.node.type;
  const flat = pythonTuple(pairs.toReversed().flat().map(site.size));
  if (pairs.length === 0) return site.args[0]!;
  const x = tensor(site, 0);
  if (dtype === "bool") return atom(`F.pad(${x}.int(), ${flat}, value=${value}).bool()`);
  return call("F.pad", x, flat, ...(value === 0 ? [] : [`value=${pythonNumber(value, dtype !== "f32")}`]));
}

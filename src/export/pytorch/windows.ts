// Convolutions and pools as Python expressions.
import { call, level, type Piece, type Site } from "./pieces.ts";
import { pythonTuple } from "./words.ts";

interface Window {
  readonly k: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly count_padding?: boolean;
}

const pairText = (pair: readonly number[]): string =>
  pair[0] === pair[1] ? String(pair[0]) : pythonTuple(pair.map(String));

/** Keyword arguments, but for those that PyTorch takes anyway. */
const options = (...all: readonly (readonly [name: string, value: string, plain: string])[]): string[] =>
  all.flatMap(([name, value, plain]) => (value === plain ? [] : [`${name}=${value}`]));

export function pool(name: "max_pool2d" | "avg_pool2d", site: Site): Piece {
  const { k, stride, padding, count_padding: counts } = site.node.attrs as unknown as Window;
  const x = site.args[0]!.text;
  const window = [pairText(k), ...options(["stride", pairText(stride), pairText(k)])];
  // PyTorch pads by half a window at most; past that the image itself is padded.
  if (padding.every((p, d) => 2 * p <= k[d]!)) {
    const around = options(["padding", pairText(padding), "0"]);
    const inside = name === "avg_pool2d" && around.length > 0 && !counts ? ["count_include_pad=False"] : [];
    return call(`F.${name}`, x, ...window, ...around, ...inside);
  }
  const padded = (image: string, more = ""): string =>
    `F.pad(${image}, (${padding[1]}, ${padding[1]}, ${padding[0]}, ${padding[0]})${more})`;
  if (name === "max_pool2d") return call("F.max_pool2d", padded(x, ", value=-math.inf"), ...window);
  const means = call("F.avg_pool2d", padded(x), ...window);
  if (counts) return means;
  const shares = call("F.avg_pool2d", padded(`torch.ones_like(${x})`), ...window);
  return { text: `${means.text} / ${shares.text}`, level: level.product, host: false };
}

export function convolution({ node, args: [x, w] }: Site): Piece {
  const { stride, padding, dilation, groups } = node.attrs as unknown as Window & {
    dilation: readonly number[];
    groups: number;
  };
  const more = options(
    ["stride", pairText(stride), "1"],
    ["padding", pairText(padding), "0"],
    ["dilation", pairText(dilation), "1"],
    ["groups", String(groups), "1"],
  );
  return call("F.conv2d", x!.text, w!.text, ...more);
}

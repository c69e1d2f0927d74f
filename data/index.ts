// The data sets that model files may name. A new one is one descriptor and one line here.
import type { DataSet } from "../src/runtime/data-set.ts";
import { digits } from "./digits.ts";
import { fashionMnist } from "./fashion-mnist.ts";
import { mnist } from "./mnist.ts";

export const dataSets: ReadonlyMap<string, DataSet> = new Map(
  [mnist, fashionMnist, digits].map((set) => [set.name, set]),
);

// The phases' catalogues. A new phase is one import and one word in the list.
import type { Entry } from "../diagnostic.ts";
import { data } from "./data.ts";
import { evaluation } from "./evaluation.ts";
import { exporting } from "./export.ts";
import { gradients } from "./gradients.ts";
import { limits } from "./limits.ts";
import { model } from "./model.ts";
import { names } from "./names.ts";
import { shapes } from "./shapes.ts";
import { syntax } from "./syntax.ts";
import { types } from "./types.ts";

export const phases: readonly Record<string, Entry<never>>[] = [
  syntax,
  names,
  types,
  shapes,
  model,
  limits,
  data,
  evaluation,
  gradients,
  exporting,
];

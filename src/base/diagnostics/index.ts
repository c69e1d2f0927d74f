// The phases' catalogues. A new phase is one import and one word in the list.
import type { Entry } from "../diagnostic.ts";
import { data } from "./data.ts";
import { syntax } from "./syntax.ts";

export const phases: readonly Record<string, Entry<never>>[] = [syntax, data];

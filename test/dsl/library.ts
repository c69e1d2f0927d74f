// The library's files for tests: their texts, parsed and formatted.
import type { Source } from "../../src/base/span.ts";
import { format } from "../../src/dsl/format.ts";
import { type Parsed, parse } from "../../src/dsl/parse.ts";

export { library } from "../../src/dsl/std.ts";

export const parseText = (source: Source): Parsed => parse(source);
export const formatText = (source: Source): string => format(source);

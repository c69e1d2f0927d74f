// How tightly operators bind, and the arranging of a flat list of operands into a tree. Knows nothing of tokens' places
// in the grammar.
import type { TokenType } from "chevrotain";
import * as T from "./tokens.ts";

/** Levels as in the language reference: higher binds tighter. */
export const level = { pipe: 2, or: 3, and: 4, not: 5, compare: 6, sum: 7, product: 8, minus: 9, power: 10 } as const;

const levels: ReadonlyMap<TokenType, number> = new Map([
  [T.PipeTo, level.pipe],
  [T.Or, level.or],
  [T.And, level.and],
  [T.Equal, level.compare],
  [T.NotEqual, level.compare],
  [T.Less, level.compare],
  [T.LessEqual, level.compare],
  [T.Greater, level.compare],
  [T.GreaterEqual, level.compare],
  [T.Plus, level.sum],
  [T.Minus, level.sum],
  [T.Star, level.product],
  [T.Slash, level.product],
  [T.Percent, level.product],
  [T.At, level.product],
  [T.Power, level.power],
]);

export const levelOf = (type: TokenType): number => levels.get(type)!;
export const prefixLevelOf = (type: TokenType): number => (type === T.Not ? level.not : level.minus);

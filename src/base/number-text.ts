// A number as a text that only equal numbers have: -0 keeps its sign, infinities and NaN have words, which JSON has not.

export const numberText = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));

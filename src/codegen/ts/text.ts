// Text from a model file in emitted code: literals, names of properties, comments.

/** A string literal; nothing in it can end the literal, the line or a script element. */
export const quote = (text: string): string =>
  JSON.stringify(text)
    .replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .replaceAll("</", "<\\/");

/** A property name of an object literal or type; `__proto__` is computed, so that it is an ordinary property. */
export const objectKey = (name: string): string =>
  name === "__proto__" ? '["__proto__"]' : /^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name);

/** Model text inside a comment: no line breaks, no end of comment. */
export const comment = (text: string): string =>
  text
    .replace(/[^\x20-\x7e]/g, "?")
    .replaceAll("*/", "* /")
    .slice(0, 160);

/** A JSON value as the lines of a literal, short ones on one line. */
export function literal(value: unknown, depth: number): string[] {
  const flat = flatLiteral(value);
  if (flat.length + depth * 2 <= 100 || typeof value !== "object" || value === null) return [flat];
  const inner = Array.isArray(value)
    ? value.map((v) => literal(v, depth + 1))
    : Object.entries(value).map(([k, v]) => {
        const [first, ...rest] = literal(v, depth + 1);
        return [`${objectKey(k)}: ${first}`, ...rest];
      });
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  return [
    open,
    ...inner.flatMap((lines) => lines.map((line, i) => `  ${line}${i === lines.length - 1 ? "," : ""}`)),
    close,
  ];
}

function flatLiteral(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number" && !Number.isFinite(value))
    return value > 0 ? "Infinity" : value < 0 ? "-Infinity" : "NaN";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(flatLiteral).join(", ")}]`;
  return `{ ${Object.entries(value)
    .map(([k, v]) => `${objectKey(k)}: ${flatLiteral(v)}`)
    .join(", ")} }`;
}

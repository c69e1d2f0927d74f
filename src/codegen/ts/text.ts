// Text from a model file as JavaScript literals.

/** A string literal; nothing in it can end the literal, the line or a script element. */
export const quote = (text: string): string =>
  JSON.stringify(text)
    .replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .replaceAll("</", "<\\/");

/** A property name of an object literal or type; `__proto__` is computed, so that it is an ordinary property. */
export const objectKey = (name: string): string =>
  name === "__proto__" ? '["__proto__"]' : /^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name);

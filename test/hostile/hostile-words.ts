// Names and texts that have broken compilers which print code: words of JavaScript, of its prototypes, of this compiler's own
// output, and pieces of code.

const words =
  "__proto__ constructor prototype toString valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString " +
  "__defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__ __dirname __filename " +
  "await async arguments eval yield let static enum implements interface package private protected public super this " +
  "null undefined NaN Infinity new delete typeof instanceof void with var const function return class extends switch case " +
  "default break continue do while try catch finally throw debugger export import abstract boolean byte char double final " +
  "float goto int long native short synchronized throws transient volatile get set of target meta type namespace module " +
  "declare readonly keyof infer never unknown any object symbol bigint string number globalThis global window self process " +
  "require exports console Function Object Array String Number Boolean Symbol Math JSON Reflect Proxy Promise Map Set " +
  "WeakMap Error Date RegExp Float32Array Float64Array Int32Array Uint8Array ArrayBuffer SharedArrayBuffer Atomics DataView " +
  "create manifest arena f32 i32 u8 scalars inputs index read write step evaluate predict init rows seed trainer library " +
  "main name length caller callee then catch_ message stack cause f i j k n d dx dW acc loss_ run_step kernel buffer " +
  "uniform_ hash_ Trainer TensorName options values offset";

/** Names that the grammar may take. */
export const hostileNames: readonly string[] = [
  ...new Set(words.split(" ")),
  ...["_", "__", "___proto___", "_0", "x".repeat(5000), "ſ", "ℓ", "变量", "ａ", "x\u0301", "π", "𝒙"],
];

/** Texts that no name is made of, and that no place may take for code. */
export const hostileTexts: readonly string[] = [
  "*/ globalThis.hit = 1; /*",
  "*\\/ globalThis.hit = 1",
  "// x\nglobalThis.hit = 1",
  "\u2028globalThis.hit = 1//",
  "\u2029globalThis.hit = 1//",
  "`${globalThis.hit = 1}`",
  "${globalThis.hit = 1}",
  '"; globalThis.hit = 1; "',
  "'; globalThis.hit = 1; '",
  '\\"; globalThis.hit = 1; //',
  "\\",
  "\\\\",
  "\\u0022; globalThis.hit = 1; //",
  "</script><script>globalThis.hit = 1</script>",
  "<!-- globalThis.hit = 1",
  "--> globalThis.hit = 1",
  "\u0000",
  "\u0007\u001b[31mred\u001b[0m",
  "\u001b]0;title\u0007",
  "\r\nglobalThis.hit = 1",
  "\u0085globalThis.hit = 1",
  "\u202eevil\u202c",
  "\ufeff",
  "\ud800",
  "\udfff\ud800",
  "a".repeat(5000),
  "../../../../etc/passwd",
  "/etc/passwd",
  "C:\\windows\\system32",
  "file:///etc/passwd",
  "https://example.com/x.csv",
  "a\u0000b",
  "%s%n%x",
  "$&$1$`$'",
  "#!/bin/sh",
  "//# sourceMappingURL=data:application/json;base64,e30=",
  "//@ sourceURL=x",
  "/// <reference path='/etc/passwd' />",
  "@ts-ignore",
  "use strict",
  "import('node:fs')",
  "__proto__",
  "constructor.constructor('globalThis.hit = 1')()",
  "{{globalThis.hit = 1}}",
  "[object Object]",
  "1e999",
  "-0",
  "🦜".repeat(100),
];

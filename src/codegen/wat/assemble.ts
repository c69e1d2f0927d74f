// WebAssembly text -> bytes: of the text that this compiler prints. Instructions are folded, and what they name stands before them,
// but for the functions of a table. Where the text is wrong the compiler is, so that it throws.
import { runsVectors } from "../../base/vectors.ts";
import { Bytes } from "./assembler/bytes.ts";
import { CodeAssembler, end, typeCode } from "./assembler/code.ts";
import { Names } from "./assembler/names.ts";
import { TextReader } from "./assembler/read-text.ts";

/** Of no browser, so not among the types. */
declare const WebAssembly: { readonly Module: new (bytes: Uint8Array) => object; validate(bytes: Uint8Array): boolean };

/** The bytes of a module, with the names of the text for debuggers. A module that no engine takes throws. */
export function assemble(text: string): Uint8Array {
  const bytes = new ModuleAssembler(text).run();
  // A machine that runs no vectors cannot tell. The error of `Module` says in which function what is wrong.
  if (runsVectors() && !WebAssembly.validate(bytes)) new WebAssembly.Module(bytes);
  return bytes;
}

const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const functionType = 0x60;
const functionReference = 0x70;
const constant = 0x41;

/** Entries of one kind. */
class Section {
  private readonly id: number;
  private readonly entries = new Bytes();
  private count = 0;

  constructor(id: number) {
    this.id = id;
  }

  isEmpty(): boolean {
    return this.count === 0;
  }

  /** Where the next entry is to be written. */
  next(): Bytes {
    this.count++;
    return this.entries;
  }

  write(to: Bytes): void {
    const whole = new Bytes();
    whole.unsigned(this.count);
    whole.append(this.entries.written());
    to.push(this.id);
    to.counted(whole.written());
  }
}

class ModuleAssembler {
  private readonly text: TextReader;
  /** In the order in which they are written. */
  private readonly sections = {
    types: new Section(1),
    imports: new Section(2),
    functions: new Section(3),
    tables: new Section(4),
    memories: new Section(5),
    globals: new Section(6),
    exports: new Section(7),
    elements: new Section(9),
    codes: new Section(10),
    data: new Section(11),
  };
  private readonly names = {
    functions: new Names(),
    types: new Names(),
    tables: new Names(),
    globals: new Names(),
  };
  /** An entry for each function. */
  private readonly localNames = new Section(2);
  private readonly code: CodeAssembler;
  /** Types of functions, by what they take and give. */
  private readonly signatures = new Map<string, number>();
  /** The functions of the table. */
  private readonly listed: string[] = [];

  constructor(text: string) {
    this.text = new TextReader(text);
    this.code = new CodeAssembler(this.text, this.names);
  }

  run(): Uint8Array {
    const { text } = this;
    if (text.open() !== "module") throw new Error("WebAssembly text: no module");
    for (let head = text.openOrClose(); head !== undefined; head = text.openOrClose()) this.part(head);
    if (!text.hasEnded()) throw new Error("WebAssembly text: it goes on behind the module");
    if (this.listed.length > 0) this.elements();
    const bytes = new Bytes();
    bytes.append(header);
    for (const section of Object.values(this.sections)) if (!section.isEmpty()) section.write(bytes);
    bytes.push(0);
    bytes.counted(this.nameSection().written());
    return bytes.written().slice();
  }

  // ---- Parts of the module, behind their heads ----

  private part(head: string): void {
    switch (head) {
      case "import":
        this.import();
        break;
      case "type":
        this.type();
        break;
      case "table":
        this.table();
        break;
      case "memory":
        this.limits(this.sections.memories.next());
        break;
      case "data":
        this.data();
        break;
      case "export":
        this.export();
        break;
      // The parenthesis that closes these closes their code.
      case "global":
        this.global();
        return;
      case "func":
        this.function();
        return;
      default:
        throw new Error(`WebAssembly text: no part of a module is called ${head}`);
    }
    this.text.close();
  }

  private import(): void {
    const { text } = this;
    const entry = this.sections.imports.next();
    entry.counted(text.string());
    entry.counted(text.string());
    const kind = text.open();
    switch (kind) {
      case "func": {
        entry.push(0);
        const name = text.name();
        const locals = new Names();
        entry.unsigned(this.signature(locals));
        this.addFunction(name, locals);
        break;
      }
      case "memory":
        entry.push(2);
        this.limits(entry);
        break;
      case "global":
        entry.push(3);
        this.addGlobal(entry);
        break;
      default:
        throw new Error(`WebAssembly text: no import is called ${kind}`);
    }
    text.close();
  }

  private type(): void {
    const name = this.text.name();
    if (!this.text.opens("func")) throw new Error(`WebAssembly text: ${name} is no type of functions`);
    this.addType(name, this.typesOf("param"), this.typesOf("result"));
    this.text.close();
  }

  /** The only one: what it lists is for the first. */
  private table(): void {
    const { text, listed } = this;
    const number = this.names.tables.add(text.name());
    if (number > 0 || text.word() !== "funcref" || !text.opens("elem")) throw new Error("WebAssembly text: no table");
    while (text.hasWord()) listed.push(text.word());
    text.close();
    const entry = this.sections.tables.next();
    entry.append([functionReference, 1]);
    entry.unsigned(listed.length);
    entry.unsigned(listed.length);
  }

  private data(): void {
    const { text } = this;
    if (!text.opens("i32.const")) throw new Error("WebAssembly text: data have no place");
    const entry = this.sections.data.next();
    entry.append([0, constant]);
    entry.signed(text.integer() | 0);
    entry.push(end);
    text.close();
    entry.counted(text.string());
  }

  private export(): void {
    const name = this.text.string();
    if (!this.text.opens("func")) throw new Error("WebAssembly text: an export is no function");
    this.addExport(name, this.names.functions.numberOf(this.text.word()));
    this.text.close();
  }

  private global(): void {
    const entry = this.sections.globals.next();
    this.addGlobal(entry);
    this.code.assemble(new Names(), entry);
  }

  private function(): void {
    const { text, sections, names } = this;
    const name = text.name();
    while (text.opens("export")) {
      this.addExport(text.string(), names.functions.count);
      text.close();
    }
    const locals = new Names();
    sections.functions.next().unsigned(this.signature(locals));
    const body = new Bytes();
    writeRuns(this.typesOf("local", locals), body);
    // Before the code, which may call it.
    this.addFunction(name, locals);
    this.code.assemble(locals, body);
    sections.codes.next().counted(body.written());
  }

  // ---- What they have in common ----

  /** `(head $name TYPE)` or `(head TYPE …)`, as often as it comes: the types, and names for locals. */
  private typesOf(head: "param" | "result" | "local", locals = new Names()): number[] {
    const { text } = this;
    const found: number[] = [];
    while (text.opens(head)) {
      const name = text.name();
      while (text.hasWord()) {
        locals.add(name);
        found.push(typeCode(text.word()));
      }
      text.close();
    }
    return found;
  }

  /** The number of the type of a function. */
  private signature(locals: Names): number {
    const [takes, gives] = [this.typesOf("param", locals), this.typesOf("result")];
    return this.signatures.get(keyOf(takes, gives)) ?? this.addType(undefined, takes, gives);
  }

  private addType(name: string | undefined, takes: readonly number[], gives: readonly number[]): number {
    const number = this.names.types.add(name);
    this.signatures.set(keyOf(takes, gives), number);
    const entry = this.sections.types.next();
    entry.push(functionType);
    entry.counted(takes);
    entry.counted(gives);
    return number;
  }

  private addFunction(name: string | undefined, locals: Names): void {
    const entry = this.localNames.next();
    entry.unsigned(this.names.functions.add(name));
    locals.write(entry);
  }

  private addGlobal(entry: Bytes): void {
    this.names.globals.add(this.text.name());
    entry.append([typeCode(this.text.word()), 0]);
  }

  private addExport(name: readonly number[], number: number): void {
    const entry = this.sections.exports.next();
    entry.counted(name);
    entry.push(0);
    entry.unsigned(number);
  }

  /** Pages of a memory: how many at first, how many at most, and whether threads share it. */
  private limits(entry: Bytes): void {
    const { text } = this;
    const first = text.integer();
    const most = text.hasWord() ? text.integer() : undefined;
    const isShared = text.hasWord() && text.word() === "shared";
    entry.push((most === undefined ? 0 : 1) + (isShared ? 2 : 0));
    entry.unsigned(first);
    if (most !== undefined) entry.unsigned(most);
  }

  // ---- Behind the text ----

  private elements(): void {
    const entry = this.sections.elements.next();
    entry.append([0, constant, 0, end]);
    entry.unsigned(this.listed.length);
    for (const name of this.listed) entry.unsigned(this.names.functions.numberOf(name));
  }

  private nameSection(): Bytes {
    const { functions, types, tables, globals } = this.names;
    const bytes = new Bytes();
    bytes.text("name");
    functions.writeSection(1, bytes);
    this.localNames.write(bytes);
    types.writeSection(4, bytes);
    tables.writeSection(5, bytes);
    globals.writeSection(7, bytes);
    return bytes;
  }
}

const keyOf = (takes: readonly number[], gives: readonly number[]): string => `${takes} ${gives}`;

/** Types of locals: how many of one type stand side by side, and which it is. */
function writeRuns(types: readonly number[], to: Bytes): void {
  const starts = [...types.keys()].filter((k) => types[k] !== types[k - 1]);
  to.unsigned(starts.length);
  for (const [run, start] of starts.entries()) {
    to.unsigned((starts[run + 1] ?? types.length) - start);
    to.push(types[start]!);
  }
}

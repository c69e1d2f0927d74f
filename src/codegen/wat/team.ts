// Threads that work together, as WebAssembly text: how they are called, how they wait for each other, which part each does.
// Thread 0 is the one that makes the calls; any number of workers may join at any time, and a call runs on those that are there.
// Knows no kernels.

export const cacheLine = 64;

/** Places of the team's words, in bytes from its first. Those that are waited for have a cache line of their own. */
export const teamWords = {
  /** The call, an i64: rows, then 12 bits of the program, 6 of the last thread's number, 14 that count the calls. */
  call: 0,
  /** Threads that have come to the barrier. */
  arrived: 64,
  /** How often all of them had. */
  phase: 128,
  /** Workers that have joined and not left. */
  workers: 192,
  /** 1 once the workers are told to leave: for good. */
  ended: 196,
  /** Threads that sleep. */
  sleepers: 200,
  /** Characters of what is told below; 1 goes to the first that has something to tell. */
  told: 204,
  telling: 208,
  /** Why a worker failed, in UTF-16. */
  text: 256,
} as const;

/** Characters that a worker may tell. */
export const mostTold = 4000;

export const teamBytes = teamWords.text + 2 * mostTold;

/** What a call's 6 bits can say, counting from 1. */
const mostThreads = 64;
/** What its 12 bits can. */
export const mostPrograms = 4096;

/**
 * Looks at a word before a thread sleeps: about 40 us at a barrier, which the others reach soon, and 0.2 ms between calls, where a
 * batch is being filled.
 */
const looks = { barrier: 40_000, call: 250_000 };

/** The functions, for a team whose words begin at `base`. */
export function teamFunctions(base: number): string[] {
  const load = (type: "i32" | "i64", word: keyof typeof teamWords): string =>
    `(${type}.atomic.load offset=${base + teamWords[word]} (i32.const 0))`;
  const store = (type: "i32" | "i64", word: keyof typeof teamWords, value: string): string =>
    `(${type}.atomic.store offset=${base + teamWords[word]} (i32.const 0) ${value})`;
  const add = (word: keyof typeof teamWords, value: number): string =>
    `(i32.atomic.rmw.add offset=${base + teamWords[word]} (i32.const 0) (i32.const ${value}))`;
  const wake = (word: "call" | "phase"): string =>
    `(drop (memory.atomic.notify offset=${base + teamWords[word]} (i32.const 0) (i32.const -1)))`;
  const wakeSleepers = (word: "call" | "phase"): string => `(if ${load("i32", "sleepers")} (then ${wake(word)}))`;
  /** Looks at the word for a while and then sleeps, until it is another than `old`; gives it. */
  const awaiting = (name: string, type: "i32" | "i64", word: "call" | "phase", many: number): string => `
(func $${name} (param $old ${type}) (result ${type})
  (local $now ${type}) (local $looks i32)
  (local.set $looks (i32.const ${many}))
  (loop $look
    (local.set $now ${load(type, word)})
    (if (${type}.ne (local.get $now) (local.get $old)) (then (return (local.get $now))))
    (local.set $looks (i32.sub (local.get $looks) (global.get $sleeps)))
    (br_if $look (local.get $looks)))
  (loop $sleep
    (drop ${add("sleepers", 1)})
    (drop (memory.atomic.wait${type.slice(1)} offset=${base + teamWords[word]} (i32.const 0) (local.get $old) (i64.const -1)))
    (drop ${add("sleepers", -1)})
    (local.set $now ${load(type, word)})
    (br_if $sleep (${type}.eq (local.get $now) (local.get $old))))
  (local.get $now))`;
  return [
    `
;; Where part k of an axis begins: parts are whole units, the first ones one more; the last one ends where the axis does.
(func $part (param $extent i32) (param $unit i32) (param $k i32) (param $threads i32) (result i32)
  (local $units i32) (local $rest i32)
  (if (i32.ge_u (local.get $k) (local.get $threads)) (then (return (local.get $extent))))
  (local.set $units (i32.div_u (local.get $extent) (local.get $unit)))
  (local.set $rest (i32.rem_u (local.get $units) (local.get $threads)))
  (i32.mul
    (local.get $unit)
    (i32.add
      (i32.mul (local.get $k) (i32.div_u (local.get $units) (local.get $threads)))
      (select (local.get $k) (local.get $rest) (i32.lt_u (local.get $k) (local.get $rest))))))`,
    awaiting("await_phase", "i32", "phase", looks.barrier),
    `
;; Returns when all threads are here; whether the team has ended.
(func $barrier (param $threads i32) (result i32)
  (local $phase i32)
  (if (i32.eq (local.get $threads) (i32.const 1)) (then (return (i32.const 0))))
  (local.set $phase ${load("i32", "phase")})
  (if (i32.eq (i32.add ${add("arrived", 1)} (i32.const 1)) (local.get $threads))
    (then
      ${store("i32", "arrived", "(i32.const 0)")}
      (drop ${add("phase", 1)})
      ${wakeSleepers("phase")})
    (else
      (if (i32.eqz ${load("i32", "ended")}) (then (drop (call $await_phase (local.get $phase)))))))
  ${load("i32", "ended")})`,
    `
;; Calls the workers that have joined to a program; how many threads run it.
(func $gather (param $N i32) (param $program i32) (result i32)
  (local $threads i32)
  (local.set $threads (i32.add ${load("i32", "workers")} (i32.const 1)))
  (if (i32.gt_u (local.get $threads) (i32.const ${mostThreads})) (then (local.set $threads (i32.const ${mostThreads}))))
  (if (i32.or ${load("i32", "ended")} (i32.eq (local.get $threads) (i32.const 1))) (then (return (i32.const 1))))
  ${store(
    "i64",
    "call",
    `(i64.or
    (i64.extend_i32_u (local.get $N))
    (i64.shl
      (i64.extend_i32_u
        (i32.or
          (i32.or (local.get $program) (i32.shl (i32.sub (local.get $threads) (i32.const 1)) (i32.const 12)))
          (i32.add
            (i32.and (i32.wrap_i64 (i64.shr_u ${load("i64", "call")} (i64.const 32))) (i32.const ${~0 << 18}))
            (i32.const ${1 << 18}))))
      (i64.const 32)))`,
  )}
  ${wakeSleepers("call")}
  (local.get $threads))`,
    `
;; Tells all workers to leave.
(func (export "disband")
  ${store("i32", "ended", "(i32.const 1)")}
  (drop ${add("phase", 1)})
  ;; Two threads may tell it: what they add can never come back to the call that a sleeper knows.
  (drop (i64.atomic.rmw.add offset=${base + teamWords.call} (i32.const 0) (i64.const ${2n ** 50n})))
  ${wake("phase")}
  ${wake("call")})`,
    awaiting("await_call", "i64", "call", looks.call),
    `
;; What a worker does: one call after the other, until the team ends.
(func (export "work")
  (local $call i64) (local $thread i32) (local $what i32) (local $last i32)
  (local.set $call ${load("i64", "call")})
  ;; What is called from here on counts this one in.
  (local.set $thread (i32.add ${add("workers", 1)} (i32.const 1)))
  (block $ended
    (br_if $ended ${load("i32", "ended")})
    (loop $next
      (local.set $call (call $await_call (local.get $call)))
      (br_if $ended ${load("i32", "ended")})
      (local.set $what (i32.wrap_i64 (i64.shr_u (local.get $call) (i64.const 32))))
      (local.set $last (i32.and (i32.shr_u (local.get $what) (i32.const 12)) (i32.const ${mostThreads - 1})))
      ;; It joined while this call was made.
      (br_if $next (i32.gt_u (local.get $thread) (local.get $last)))
      (call_indirect $programs (type $program)
        (i32.wrap_i64 (local.get $call))
        (local.get $thread)
        (i32.add (local.get $last) (i32.const 1))
        (i32.and (local.get $what) (i32.const ${mostPrograms - 1})))
      (br $next))))`,
  ].map((text) => text.trim());
}

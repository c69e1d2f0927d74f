// TensorFlow.js as a peer, on its wasm or its plain JavaScript backend: images NHWC, kernels HWIO, weights [in, out].
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { scaled, serve } from "./serve.mjs";

// tfjs greets on stderr and stdout; only answers may go to stdout.
console.log = console.info = console.warn = () => {};
const tf = await import("@tensorflow/tfjs");

const layouts = {
  // PyTorch's [out, in] and OIHW to tfjs's.
  2: (t) => tf.transpose(t),
  4: (t) => tf.transpose(t, [2, 3, 1, 0]),
};

function startOf({ tensors, workload }) {
  const P = {};
  for (const { name, shape, values } of tensors) {
    const t = tf.tensor(values, shape);
    const turned = /^(fc|conv)\d\.weight$/.test(name) ? layouts[shape.length](t) : t;
    P[name] = tf.variable(turned, true, `${workload}/${name}`);
  }
  return P;
}

const affine = (x, w, b) => tf.add(tf.matMul(x, w), b);
const crossEntropy = (logits, labels, count) =>
  tf.neg(tf.mean(tf.sum(tf.mul(tf.oneHot(labels, count), tf.logSoftmax(logits)), -1)));

/** The mean loss of a batch, by workload; P are the parameters. */
const losses = {
  logreg: (P) => (x, y) => crossEntropy(affine(x, P["weights"], P["bias"]), y, 10),
  mlp: (P) => (x, y) => {
    const h = tf.relu(affine(x, P["fc1.weight"], P["fc1.bias"]));
    return crossEntropy(affine(h, P["fc2.weight"], P["fc2.bias"]), y, 10);
  },
  "mlp-big": (P) => (x, y) => {
    const h1 = tf.relu(affine(x, P["fc1.weight"], P["fc1.bias"]));
    const h2 = tf.relu(affine(h1, P["fc2.weight"], P["fc2.bias"]));
    return crossEntropy(affine(h2, P["fc3.weight"], P["fc3.bias"]), y, 10);
  },
  cnn: (P) => (x, y) => {
    let h = tf.reshape(x, [-1, 28, 28, 1]);
    for (const c of ["conv1", "conv2", "conv3"]) {
      h = tf.relu(tf.add(tf.conv2d(h, P[`${c}.weight`], 2, 1, "NHWC", [1, 1], "floor"), P[`${c}.bias`]));
    }
    return crossEntropy(tf.reshape(tf.avgPool(h, 4, 4, "valid"), [-1, 10]), y, 10);
  },
  gpt: (P) => {
    const [t, d] = P["pos"].shape;
    const heads = 4;
    const future = tf.tensor2d(
      Array.from({ length: t }, (_, i) => Array.from({ length: t }, (_, j) => (j > i ? -1e9 : 0))),
    );
    const norm = (x, name) => {
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-5));
      return tf.add(tf.mul(tf.mul(centred, scale), P[`${name}.weight`]), P[`${name}.bias`]);
    };
    const gelu = (x) =>
      tf.mul(
        tf.mul(x, 0.5),
        tf.add(1, tf.tanh(tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.mul(x, tf.mul(x, x))))))),
      );
    return (x, y) => {
      const n = x.shape[0];
      const times = (a, w) => tf.matMul(tf.reshape(a, [n * t, -1]), w);
      const split = (a, part) =>
        tf.transpose(tf.reshape(tf.slice(a, [0, part * d], [n * t, d]), [n, t, heads, d / heads]), [0, 2, 1, 3]);
      // Rows of the table by a product with one-hot rows: the gradient of tf.gather has no wasm kernel.
      let h = tf.add(tf.reshape(tf.matMul(tf.reshape(tf.oneHot(x, 65), [n * t, 65]), P["tok"]), [n, t, d]), P["pos"]);
      for (const l of ["l0", "l1"]) {
        const qkv = times(norm(h, `${l}.ln1`), P[`${l}.qkv`]);
        const [q, k, v] = [split(qkv, 0), split(qkv, 1), split(qkv, 2)];
        const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(d / heads));
        const mixed = tf.matMul(tf.softmax(tf.add(scores, future)), v);
        h = tf.add(h, tf.reshape(times(tf.transpose(mixed, [0, 2, 1, 3]), P[`${l}.out`]), [n, t, d]));
        const wide = gelu(tf.add(times(norm(h, `${l}.ln2`), P[`${l}.fc1`]), P[`${l}.fb1`]));
        h = tf.add(h, tf.reshape(tf.add(times(wide, P[`${l}.fc2`]), P[`${l}.fb2`]), [n, t, d]));
      }
      return crossEntropy(times(norm(h, "lnf"), P["head"]), tf.reshape(y, [-1]), 65);
    };
  },
};

const optimizers = {
  logreg: (lr) => tf.train.sgd(lr),
  mlp: (lr) => tf.train.momentum(lr, 0.9),
  cnn: (lr) => tf.train.momentum(lr, 0.9),
  "mlp-big": (lr) => tf.train.adam(lr, 0.9, 0.999, 1e-8),
  gpt: (lr) => tf.train.adam(lr, 0.9, 0.999, 1e-8),
};

await serve(async (inputs, backend) => {
  if (backend === "wasm") {
    const wasm = await import("@tensorflow/tfjs-backend-wasm");
    const file = createRequire(import.meta.url).resolve(
      "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
    );
    wasm.setWasmPaths(`${dirname(file)}/`);
    wasm.setThreadsCount(1);
  }
  await tf.setBackend(backend);
  await tf.ready();
  const { workload, rows, lr } = inputs;
  const [x, y] = inputs.columns;
  const text = workload === "gpt";
  const xs = text ? x.values : scaled(x.values);
  const shapes = text
    ? [
        [rows, x.size],
        [rows, y.size],
      ]
    : [[rows, x.size], [rows]];
  const loss = losses[workload](startOf(inputs));
  const optimizer = optimizers[workload](lr);
  let last;
  return {
    version: tf.version.tfjs,
    step(batch) {
      last?.dispose();
      last = tf.tidy(() => {
        const slice = (values, size) => values.subarray(batch * rows * size, (batch + 1) * rows * size);
        const bx = tf.tensor(slice(xs, x.size), shapes[0], text ? "int32" : "float32");
        const by = tf.tensor(slice(y.values, y.size), shapes[1], "int32");
        return optimizer.minimize(() => loss(bx, by), true);
      });
    },
    loss: () => last.dataSync()[0],
    finish: () => void last?.dataSync(),
  };
});

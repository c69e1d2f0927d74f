// jax-js as a peer, on its wasm backend: one jitted function per training step; weights [in, out], images NCHW.
import { defaultDevice, init, jit, lax, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { scaled, serve } from "./serve.mjs";

await init("wasm");
defaultDevice("wasm");

const affine = (x, w, b) => np.add(np.matmul(x, w), b);
const crossEntropy = (logits, y, count) => {
  const rows = y.shape[0];
  return np
    .multiply(nn.logSoftmax(logits), nn.oneHot(y, count))
    .sum()
    .mul(-1 / rows);
};

// Each takes ownership of its arguments; `.ref` where a value is used again.
const losses = {
  logreg: (P, x, y) => crossEntropy(affine(x, P["weights"], P["bias"]), y, 10),
  mlp: (P, x, y) => {
    const h = nn.relu(affine(x, P["fc1.weight"], P["fc1.bias"]));
    return crossEntropy(affine(h, P["fc2.weight"], P["fc2.bias"]), y, 10);
  },
  "mlp-big": (P, x, y) => {
    const h1 = nn.relu(affine(x, P["fc1.weight"], P["fc1.bias"]));
    const h2 = nn.relu(affine(h1, P["fc2.weight"], P["fc2.bias"]));
    return crossEntropy(affine(h2, P["fc3.weight"], P["fc3.bias"]), y, 10);
  },
  cnn: (P, x, y) => {
    let h = x.reshape([-1, 1, 28, 28]);
    for (const c of ["conv1", "conv2", "conv3"]) {
      const conv = lax.convGeneralDilated(
        h,
        P[`${c}.weight`],
        [2, 2],
        [
          [1, 1],
          [1, 1],
        ],
      );
      h = nn.relu(conv.add(P[`${c}.bias`].reshape([-1, 1, 1])));
    }
    return crossEntropy(h.mean([2, 3]), y, 10);
  },
  gpt: (P, x, y) => {
    const [n, t] = x.shape;
    const d = P["tok"].shape[1];
    const heads = 4;
    const past = np.arange(t).reshape([t, 1]).greaterEqual(np.arange(t));
    const norm = (h, name) => nn.standardize(h, -1).mul(P[`${name}.weight`]).add(P[`${name}.bias`]);
    let h = np.matmul(nn.oneHot(x, 65), P["tok"]).add(P["pos"]);
    for (const l of ["l0", "l1"]) {
      const qkv = np.matmul(norm(h.ref, `${l}.ln1`), P[`${l}.qkv`]);
      const [q, k, v] = np.split(qkv, 3, -1).map((a) => a.reshape([n, t, heads, d / heads]).transpose([0, 2, 1, 3]));
      // Attention by hand: jax-js's own goes through its einsum, which needs a newer Node than 20.
      const scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(d / heads));
      const mixed = np.matmul(nn.softmax(np.where(past.ref, scores, -1e9), -1), v);
      h = h.add(np.matmul(mixed.transpose([0, 2, 1, 3]).reshape([n, t, d]), P[`${l}.out`]));
      const wide = nn.gelu(affine(norm(h.ref, `${l}.ln2`), P[`${l}.fc1`], P[`${l}.fb1`]));
      h = h.add(affine(wide, P[`${l}.fc2`], P[`${l}.fb2`]));
    }
    const logits = np.matmul(norm(h, "lnf"), P["head"]).reshape([n * t, 65]);
    return crossEntropy(logits, y.reshape([n * t]), 65);
  },
};

/** One parameter's update: its new value and new states. */
const updates = {
  sgd: (p, g, _states, { lr }) => [p.sub(g.mul(lr)), []],
  momentum: (p, g, [v], { lr }) => {
    const next = v.mul(0.9).add(g);
    return [p.sub(next.ref.mul(lr)), [next]];
  },
  adam: (p, g, [m, v], { lr, c1, c2 }) => {
    const m2 = m.mul(0.9).add(g.ref.mul(0.1));
    const v2 = v.mul(0.999).add(np.square(g).mul(0.001));
    const step = m2.ref.mul(c1.ref.mul(lr)).div(np.sqrt(v2.ref).mul(c2.ref).add(1e-8));
    return [p.sub(step), [m2, v2]];
  },
};
const optimizers = { logreg: "sgd", mlp: "momentum", cnn: "momentum", "mlp-big": "adam", gpt: "adam" };
const stateCounts = { sgd: 0, momentum: 1, adam: 2 };

await serve(async (inputs) => {
  const { workload, rows, lr } = inputs;
  const [x, y] = inputs.columns;
  const text = workload === "gpt";
  const xs = text ? x.values : scaled(x.values);
  const optimizer = optimizers[workload];
  let params = {};
  let states = {};
  for (const { name, shape, values } of inputs.tensors) {
    const t = np.array(values.slice()).reshape(shape);
    const turned = /^fc\d\.weight$/.test(name) ? np.array(await t.transpose().data()).reshape([shape[1], shape[0]]) : t;
    params[name] = turned;
    states[name] = Array.from({ length: stateCounts[optimizer] }, () => np.zeros(turned.shape));
  }
  const step = jit((P, S, bx, by, c1, c2) => {
    const [loss, grads] = valueAndGrad((p) => losses[workload](p, bx, by))(tree.ref(P));
    const nextP = {};
    const nextS = {};
    for (const name of Object.keys(P)) {
      [nextP[name], nextS[name]] = updates[optimizer](P[name], grads[name], S[name], { lr, c1, c2 });
    }
    return [loss, nextP, nextS];
  });
  let last;
  let t = 0;
  return {
    version: "0.1.25",
    async step(batch) {
      t++;
      const slice = (values, size) => np.array(values.slice(batch * rows * size, (batch + 1) * rows * size));
      const bx = slice(xs, x.size).reshape([rows, x.size]);
      const by = text ? slice(y.values, y.size).reshape([rows, y.size]) : slice(y.values, 1);
      last?.dispose();
      [last, params, states] = step(
        params,
        states,
        bx,
        by,
        np.array(1 / (1 - 0.9 ** t)),
        np.array(1 / Math.sqrt(1 - 0.999 ** t)),
      );
    },
    loss: async () => (await last.ref.data())[0],
    finish: async () => void (await last.ref.data()),
  };
});

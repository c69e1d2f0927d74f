// Small models that between them use what the language has; for tests of gradients as text and by differences.

export const models: ReadonlyMap<string, string> = new Map(
  Object.entries({
    logistic: `
model logistic(x: [N, 5]) -> [N, 3] {
  param W: [5, 3] = 0.1 * randn()
  param b: [3] = zeros()
  x @ W + b
}
loss(logits, target: class[N] < 3) = cross_entropy(logits, target)
`,
    mse: `
model line(x: [N, 3]) -> [N, 2] {
  param W: [3, 2] = randn()
  x @ W
}
loss(out, y: [N, 2]) = mean((out - y) ** 2)
`,
    bce: `
model coin(x: [N, 3]) -> [N] {
  param w: [3] = randn()
  z = x @ w
  z
}
loss(z, y: [N]) = -mean(y * log(sigmoid(z)) + (1 - y) * log(1 - sigmoid(z)))
`,
    norm: `
model norm(x: [N, 6]) -> [N, 6] {
  param gain: [6] = 1 + 0.1 * randn()
  centred = x - mean(x, axis=-1, keepdims=true)
  deviation = sqrt(mean(centred ** 2, axis=-1, keepdims=true) + 1e-5)
  centred / deviation * gain
}
loss(out, target: [N, 6]) = sum(out * target)
`,
    attention: `
model attend(q: [N, 4, 8], k: [N, 4, 8], v: [N, 4, 8]) -> [N, 4, 8] {
  scores = q @ k.T / sqrt(8)
  p = softmax(scores)
  p @ v
}
loss(out, ct: [N, 4, 8]) = sum(out * ct)
`,
    perceptron: `
hyper beta = 0.7
model perceptron(x: [N, 5]) -> [N, 1] {
  h = linear(x, 4) |> layer_norm |> gelu
  h2 = linear(h, 3) |> rms_norm |> silu
  beta * linear(h2, 1)
}
loss(out, target: [N, 1]) = bce_with_logits(out, target) + 0.1 * huber(out, target)
`,
    images: `
model images(x: [N, 2, 6, 6]) -> [N, 3] {
  h = conv(x, 4, k=3, stride=[1, 2], padding=1, groups=2) |> tanh
  h2 = max_pool(h, 2, stride=1) |> batch_norm
  h3 = avg_pool(h2, 2, padding=1, count_padding=false)
  linear(reshape(h3, [N, -1]), 3)
}
loss(out, target: class[N] < 3) = cross_entropy(out, target)
`,
    words: `
model words(ids: class[N, 4] < 6) -> [N, 4, 6] {
  x = embedding(ids, 6, 8)
  h = x + attention(x, 2, causal=true)
  linear(h, 6)
}
loss(out, target: class[N, 4] < 6) = cross_entropy(out, target)
`,
    pieces: `
model pieces(x: [N, 6]) -> [N, 4] {
  param W: [4, 6] = randn()
  a, b = split(x, 2)
  joined = concat([a * b, flip(cumsum(a), axis=-1)], axis=-1)
  padded = pad(joined, [[0, 0], [1, 0]], value=0.5)[:, 0:6]
  both = concat([padded, x], axis=0)
  top = where(both > 0.1, both, 0.3 * both) @ W.T
  reshape(sum(reshape(top, [2, N, 4]), axis=0), [N, 4]) + max(x, axis=-1, keepdims=true) * prod(x + 2, axis=-1, keepdims=true)
}
loss(out, y: [N, 4]) = mean(abs(out - y)) + logsumexp(mean(out, axis=0), axis=0)
`,
    tied: `
model tied(x: [N, 4]) -> [N, 4] {
  param W: [4, 4] = randn()
  h = tanh(x @ W)
  tanh(h @ W.T) * exp(-sum(W ** 2) / 16)
}
loss(out, y: [N, 4]) = mse(out, y)
`,
    penalty: `
model penalty(x: [N, 3]) -> [N, 1] {
  h = tanh(linear(x, 4))
  linear(h, 1)
}
loss(out, x, y: [N, 1]) = mse(out, y) + 0.5 * mean(sum(grad(sum(out), x) ** 2, axis=-1))
`,
    recurrent: `
model recurrent(x: [N, 3, 2]) -> [N, 1] {
  h = lstm(x, 3)
  linear(h[:, -1], 1)
}
loss(out, y: [N, 1]) = mse(out, y)
`,
  }),
);

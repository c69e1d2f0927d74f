// Pictures from numbers on canvases: weights and images. Knows neither models nor training.

/** Negative vermilion, zero the paper's own, positive blue; `most` is the full colour. */
export function signedImage(
  values: ArrayLike<number>,
  at: (pixel: number) => number,
  width: number,
  height: number,
  most: number,
): HTMLCanvasElement {
  return painted(width, height, (pixels) => {
    for (let pixel = 0; pixel < width * height; pixel++) {
      const share = Math.max(-1, Math.min(1, values[at(pixel)]! / (most || 1)));
      const [r, g, b] = share < 0 ? [213, 94, 0] : [0, 114, 178];
      pixels.set([r!, g!, b!, Math.round(255 * Math.abs(share))], 4 * pixel);
    }
  });
}

/** Bytes of ink: 0 is paper. */
export const inkImage = (values: ArrayLike<number>, side: number): HTMLCanvasElement =>
  painted(side, side, (pixels) => {
    for (let pixel = 0; pixel < side * side; pixel++) pixels.set([128, 128, 136, values[pixel]!], 4 * pixel);
  });

function painted(width: number, height: number, fill: (pixels: Uint8ClampedArray) => void): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(width, height);
  fill(image.data);
  context.putImageData(image, 0, 0);
  return canvas;
}

// A pad to draw a digit on: strokes as wide as the data's, cut to their box, set in the middle as MNIST does.
import { byId } from "./dom.ts";

/** Side of the pad in its own pixels: ten per pixel of the image. */
const scale = 10;

export function mountPad(drawn: (pixels: Uint8Array) => void): { resize(side: number): void; clear(): void } {
  const canvas = byId<HTMLCanvasElement>("pad");
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  let side = 28;
  let last: { readonly x: number; readonly y: number } | undefined;

  const clear = (): void => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    last = undefined;
  };
  const at = (event: PointerEvent): { x: number; y: number } => {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * canvas.width,
      y: ((event.clientY - box.top) / box.height) * canvas.height,
    };
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last || event.buttons === 0) return;
    const next = at(event);
    context.lineWidth = scale * 2.2;
    context.lineCap = "round";
    context.strokeStyle = getComputedStyle(canvas).color;
    context.beginPath();
    context.moveTo(last.x, last.y);
    context.lineTo(next.x, next.y);
    context.stroke();
    last = next;
    const pixels = imageOf(context, side);
    if (pixels) drawn(pixels);
  });
  canvas.addEventListener("pointerup", () => {
    last = undefined;
  });
  return {
    clear,
    resize(next) {
      side = next;
      canvas.width = next * scale;
      canvas.height = next * scale;
    },
  };
}

/** The drawing as bytes: its box fitted into the middle 20 of 28 pixels. */
function imageOf(context: CanvasRenderingContext2D, side: number): Uint8Array | undefined {
  const { width, height } = context.canvas;
  const { data } = context.getImageData(0, 0, width, height);
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[4 * (y * width + x) + 3]! < 32) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  if (right < 0) return undefined;
  const [w, h] = [right - left + 1, bottom - top + 1];
  const fit = ((20 / 28) * side) / Math.max(w, h);
  const small = document.createElement("canvas");
  small.width = side;
  small.height = side;
  const target = small.getContext("2d")!;
  target.imageSmoothingQuality = "high";
  target.drawImage(context.canvas, left, top, w, h, (side - w * fit) / 2, (side - h * fit) / 2, w * fit, h * fit);
  const image = target.getImageData(0, 0, side, side).data;
  return Uint8Array.from({ length: side * side }, (_, pixel) => image[4 * pixel + 3]!);
}

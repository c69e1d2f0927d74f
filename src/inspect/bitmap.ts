// Small pictures as data URIs (BMP, 24 bits), for files that run no script. Knows what colours mean and not what is shown.

type Color = readonly [red: number, green: number, blue: number];

const headerBytes = 54;

/** Rows from the top, as everywhere else. */
export function bitmapUri(width: number, height: number, colorAt: (pixel: number) => Color): string {
  const stride = Math.ceil((3 * width) / 4) * 4;
  const bytes = new Uint8Array(headerBytes + stride * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, headerBytes, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  // A negative height: rows from the top.
  view.setInt32(22, -height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const at = headerBytes + Math.floor(pixel / width) * stride + 3 * (pixel % width);
    const [red, green, blue] = colorAt(pixel);
    bytes.set([blue, green, red], at);
  }
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return `data:image/bmp;base64,${btoa(text)}`;
}

const positive: Color = [0, 114, 178];
const negative: Color = [213, 94, 0];

/** White at 0, blue above, vermilion below; `most` is the full colour. */
export function signedColor(value: number, most: number): Color {
  const share = Math.max(-1, Math.min(1, value / (most || 1)));
  const full = share < 0 ? negative : positive;
  return full.map((part) => Math.round(255 + (part - 255) * Math.abs(share))) as unknown as Color;
}

/** Ink on paper, from a byte. */
export const inkColor = (byte: number): Color => [255 - byte, 255 - byte, 255 - byte];

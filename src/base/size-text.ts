// Bytes for people: "512 MiB".
const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function sizeText(bytes: number): string {
  const unit = Math.min(Math.max(0, Math.floor(Math.log2(bytes) / 10)), units.length - 1);
  const value = bytes / 1024 ** unit;
  return `${Number(value.toFixed(value < 100 && unit > 0 ? 1 : 0))} ${units[unit]}`;
}

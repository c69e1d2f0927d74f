// The three sides of a training step, as every picture colours them. Knows roles, and no graph.
import type { Origin, Role } from "../ir/graph.ts";

export type Side = "forward" | "backward" | "update";

export const sideOf = (role: Role | undefined): Side => (role === "backward" || role === "update" ? role : "forward");

/** The side of something with several origins: what it was first made for. */
export const sideOfAll = (origins: readonly Origin[]): Side => sideOf(origins[0]?.role);

/** One colour each, told apart by the colour-blind too (Okabe and Ito). */
export const sideColors: Readonly<Record<Side, string>> = {
  forward: "#0072b2",
  backward: "#d55e00",
  update: "#009e73",
};

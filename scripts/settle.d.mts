export function settle(fresh: string, place: string, entry: string): Promise<void>;

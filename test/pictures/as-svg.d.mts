export function asSvg(given: { width: number; height: number; label: string }): string;
